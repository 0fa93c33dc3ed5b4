"""A conversation as Magistral was trained to read it: merged, stripped and sorted, or refused.

The rules are those of mistral-common 1.13 (`docs/chat-format.md` lists them); the template need not know one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain, groupby

from magistral_nb.chat_format.order import check_order
from magistral_nb.chat_format.refusals import refusal
from magistral_nb.chat_format.turns import Piece, Turn
from magistral_nb.messages import Image, Role, Text

BLANK_LINE = "\n\n"
"""Stands between texts that become one."""


def settle(turns: Sequence[Turn], *, ids_of_nine: bool, continue_final: bool) -> list[Turn]:
    """Return the turns as the format spells them. Raises TemplateError for a conversation that it refuses."""
    check_order(turns, ids_of_nine=ids_of_nine, continue_final=continue_final)
    merged = [turn for role, group in groupby(turns, key=_role) for turn in _merged(role, list(group))]
    return _results_in_order_of_calls(merged)


def joined(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """Return the pieces with neighbouring texts made one, a blank line between them; empty texts say nothing."""
    said = (piece for piece in pieces if piece != Text(""))
    runs = [(kind is Text, list(run)) for kind, run in groupby(said, key=type)]
    return tuple(
        chain.from_iterable(
            [Text(BLANK_LINE.join(piece.text for piece in run if isinstance(piece, Text)))] if are_texts else run
            for are_texts, run in runs
        )
    )


def _role(turn: Turn) -> Role:
    return turn.role


def _merged(role: Role, group: list[Turn]) -> list[Turn]:
    if role in ("system", "tool"):
        return [replace(turn, pieces=joined(turn.pieces)) for turn in group]
    pieces = joined(chain.from_iterable(turn.pieces for turn in group))
    calls = tuple(chain.from_iterable(turn.calls for turn in group))
    if role == "user":
        return [replace(group[0], pieces=_picture_first(pieces))]
    if not pieces and not calls:
        raise refusal("it says nothing and calls nothing.", number=group[0].number, role=role)
    return [replace(group[0], pieces=_without_spaces_at_the_end(pieces), calls=calls)]


def _picture_first(pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """Put the picture first where a question is a text and then a picture: so the models saw such pairs."""
    if len(pieces) == 2 and isinstance(pieces[0], Text) and isinstance(pieces[1], Image):
        return (pieces[1], pieces[0])
    return pieces


def _without_spaces_at_the_end(pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """Take the spaces, and only spaces, off the end of a reply without thinking: no token of its own begins there."""
    if len(pieces) == 1 and isinstance(pieces[0], Text):
        return (Text(pieces[0].text.rstrip(" ")),)
    return pieces


def _results_in_order_of_calls(turns: Iterable[Turn]) -> list[Turn]:
    sorted_turns: list[Turn] = []
    order: dict[str | None, int] = {}
    for role, group in groupby(turns, key=_role):
        if role == "tool":
            last = len(order)
            sorted_turns += sorted(group, key=lambda turn: order.get(turn.call_id, last))
            order = {}
            continue
        for turn in group:
            order |= {call.id: len(order) + place for place, call in enumerate(turn.calls)}
            sorted_turns.append(turn)
    return sorted_turns
