"""A conversation as the plain data that `rendering` draws."""

from __future__ import annotations

from typing import Any

from magistral_nb.conversations.branches import Branches
from magistral_nb.conversations.plain_data import reply_data
from magistral_nb.conversations.turns import Turn
from magistral_nb.messages import Image, Message
from magistral_nb.scrubbing import scrub_data

_MARKS = {"length": "cut off by max_tokens", "interrupted": "stopped before its end", "budget": "stopped by the budget"}


def shown_turns(conversation: Branches) -> list[dict[str, Any]]:
    """Return the turns of the current line as plain data, without secrets."""
    return [_shown(conversation, turn) for turn in conversation.turns]


def title_of(conversation: Branches) -> str:
    """Return a title: the first question, shortened."""
    turns = conversation.turns
    words = " ".join(turns[0].question.split()) if turns else ""
    title: str = scrub_data(words if len(words) <= 80 else words[:79] + "…")
    return title or "Conversation"


def _shown(conversation: Branches, turn: Turn) -> dict[str, Any]:
    beside = conversation.siblings(turn)
    failed = f"{turn.failed.kind}: {turn.failed.message}" if turn.failed else ""
    shown: dict[str, Any] = scrub_data({
        "asked": [[message.role, _text(message)] for message in turn.asked],
        "reply": reply_data(turn.reply),
        "mark": failed or _MARKS.get(turn.state, ""),
        "branch": f"{[one.id for one in beside].index(turn.id) + 1}/{len(beside)}" if len(beside) > 1 else "",
    })  # fmt: skip
    return shown


def _text(message: Message) -> str:
    pictures = sum(isinstance(part, Image) for part in message.parts)
    return "[picture] " * pictures + message.text
