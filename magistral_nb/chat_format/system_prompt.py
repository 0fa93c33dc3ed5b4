"""Which system prompt a conversation holds, in words."""

from __future__ import annotations

from collections.abc import Sequence

from magistral_nb.chat_format.normalising import BLANK_LINE, joined
from magistral_nb.chat_format.reading import read_turns
from magistral_nb.chat_format.turns import Piece, Turn
from magistral_nb.messages import Text
from magistral_nb.templating import REVISIONS, default_system


def kind_of_system(turns: Sequence[Turn], revision: str) -> str:
    """Say whether a conversation begins with the default system prompt of its revision, another one, or none."""
    first = turns[0]
    if first.role != "system":
        return "none"
    default = _default_pieces(revision)
    if default and first.pieces == default:
        return f"the default prompt of {revision}"
    if default and _goes_on(first.pieces, default):
        return f"the default prompt of {revision}, with instructions added"
    return "one of its own"


def _default_pieces(revision: str) -> tuple[Piece, ...]:
    return joined(read_turns([default_system(revision)])[0].pieces) if revision in REVISIONS else ()


def _goes_on(pieces: tuple[Piece, ...], default: tuple[Piece, ...]) -> bool:
    if len(pieces) != len(default) or pieces[:-1] != default[:-1]:
        return False
    end, own_end = default[-1], pieces[-1]
    return isinstance(end, Text) and isinstance(own_end, Text) and own_end.text.startswith(end.text + BLANK_LINE)
