"""A conversation as the page hears of it, and as Python's observers see it: plain data, without secrets."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from magistral_nb.conversations import Conversation, Turn
from magistral_nb.conversations.history import begun_message
from magistral_nb.conversations.plain_data import message_data, reply_data
from magistral_nb.conversations.tree import Tree
from magistral_nb.conversations.turns import CUT
from magistral_nb.dialects import why_not_continued
from magistral_nb.errors import ConfigurationError, MagistralError
from magistral_nb.messages import Text
from magistral_nb.rendering.text import whole
from magistral_nb.scrubbing import scrub, scrub_data

Data = dict[str, Any]


def line_wire(conversation: Conversation, start: int = 0) -> list[Data]:
    """Return the turns of the current line from a place on."""
    return turns_wire(conversation, conversation.turns[start:])


def beside_wire(conversation: Conversation) -> list[Data]:
    """Return the turns that are not on the current line."""
    shown = {turn.id for turn in conversation.turns}
    return turns_wire(conversation, [turn for turn in conversation.tree.turns if turn.id not in shown])


def turns_wire(conversation: Conversation, turns: Iterable[Turn]) -> list[Data]:
    """Return turns with their replies."""
    places = _places(conversation.tree)
    last = conversation.tree.head
    return [
        _turn_wire(turn, *places[turn.id], can_continue=turn.id == last and can_continue(conversation, turn))
        for turn in turns
    ]


def error_wire(error: BaseException) -> Data:
    """Return what to say of an error."""
    message = error.message if isinstance(error, MagistralError) else str(error) or type(error).__name__
    hint = error.hint if isinstance(error, MagistralError) else ""
    return {"kind": type(error).__name__, "message": scrub(message), "hint": scrub(hint)}


def unsent_wire(text: str, error: BaseException | None) -> Data:
    """Return a question that was never sent as a turn: it is part of no conversation."""
    state = "failed" if error else "interrupted"
    told = error_wire(error) if error else None
    turn = {"id": None, "parent": None, "text": scrub(text), "reply": None, "error": told, "state": state}
    return turn | {"branch": {"at": 1, "of": 1}, "can_continue": False}


def can_continue(conversation: Conversation, turn: Turn) -> bool:
    """Tell whether a reply that was cut off can go on where it was cut."""
    if turn.state not in CUT or not turn.spoke or turn.reply.tool_calls:
        return False
    try:
        return not why_not_continued(begun_message(turn.reply), conversation.client.endpoint.dialect)
    except ConfigurationError:  # nothing says where to ask
        return False


def seen_messages(turns: Sequence[Turn]) -> list[Data]:
    """Return what was said as OpenAI-like messages, for those who observe a panel.

    An answer also has `thinking`, `state` and the turn's `id`; what was asked has the `id` too.
    """
    seen: list[Data] = []
    for turn in turns:
        seen += [{"role": one.role, "content": scrub(one.text), "id": turn.id} for one in turn.asked]
        told = {"content": turn.answer, "thinking": turn.thinking, "state": turn.state}
        seen.append({"role": "assistant", **scrub_data(told), "id": turn.id})
    return seen


def _turn_wire(turn: Turn, at: int, of: int, *, can_continue: bool) -> Data:
    failed = turn.failed
    data: Data = {
        "id": turn.id,
        "parent": turn.parent,
        "text": turn.question,
        "reply": reply_data(turn.reply),
        "error": {"kind": failed.kind, "message": failed.message, "hint": failed.hint} if failed else None,
        "state": turn.state,
        "branch": {"at": at, "of": of},
        "can_continue": can_continue,
    }
    if not _is_plain(turn):
        data["asked"] = [message_data(message) for message in turn.asked]
    wire: Data = whole(scrub_data(data))
    return wire


def _is_plain(turn: Turn) -> bool:
    said = turn.asked[0]
    return len(turn.asked) == len(said.parts) == 1 and said.role == "user" and isinstance(said.parts[0], Text)


def _places(tree: Tree) -> dict[int, tuple[int, int]]:
    """Return which of the turns beside each other each one is, counted from 1, and how many they are."""
    of = Counter(turn.parent for turn in tree.turns)
    seen: defaultdict[int | None, int] = defaultdict(int)
    places = {}
    for turn in tree.turns:
        seen[turn.parent] += 1
        places[turn.id] = (seen[turn.parent], of[turn.parent])
    return places
