"""One turn of a conversation, as a value: what was asked, what came, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from magistral_nb.errors import ConfigurationError
from magistral_nb.events import Failed
from magistral_nb.messages import Image, Message, Text
from magistral_nb.replies import Reply

State = Literal["whole", "length", "interrupted", "failed", "budget", "content_filter"]
"""How a turn ended. All but `whole` are marks: something may be missing."""
CUT: Final[tuple[State, ...]] = ("length", "interrupted", "failed", "budget")
"""How a turn has ended whose reply can go on."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What was asked, and what came. Turns are values: no verb changes one.

    asked : the messages of the question; mostly one of the user's. It may begin with a system message, and hold
        results of functions.
    reply : what came, as far as it came. failed : what went wrong, if the reply ended in an error.
    settings : what the question was asked with, beyond the client's own settings.
    id, parent : its place in the conversation's tree, and that of the turn before it; both are counted from 0.
    """

    asked: tuple[Message, ...]
    reply: Reply
    failed: Failed | None = None
    settings: Mapping[str, Any] = field(default_factory=dict, compare=False)
    id: int = field(default=0, compare=False)
    parent: int | None = field(default=None, compare=False)

    @property
    def question(self) -> str:
        """What the user said, as text; "" for a turn that only hands over results of functions."""
        return next((message.text for message in reversed(self.asked) if message.role == "user"), "")

    @property
    def thinking(self) -> str:
        """What the model thought."""
        return self.reply.thinking

    @property
    def answer(self) -> str:
        """What the model answered."""
        return self.reply.answer

    @property
    def spoke(self) -> bool:
        """Whether a word came at all. A question that got none is not sent again with later ones."""
        return bool(self.reply.thinking or self.reply.answer or self.reply.tool_calls)

    @property
    def state(self) -> State:
        """How the turn ended."""
        if self.failed:
            return "failed"
        match self.reply.finish_reason:
            case "length" | "interrupted" | "budget" | "content_filter" as reason:
                return reason
        return "whole"

    def with_text(self, text: str) -> tuple[Message, ...]:
        """Return the messages of the question with other words in it; pictures stay.

        Raises ConfigurationError for a turn in which the user said nothing.
        """
        places = [place for place, message in enumerate(self.asked) if message.role == "user"]
        if not places:
            raise ConfigurationError(
                "This turn hands over the results of functions: there is no text of the user's in it to edit.",
                hint="Edit an earlier turn, or undo() this one and hand over other results.",
            )
        said = self.asked[places[-1]]
        pictures = tuple(part for part in said.parts if isinstance(part, Image))
        edited = replace(said, parts=(*pictures, Text(text)))
        return (*self.asked[: places[-1]], edited, *self.asked[places[-1] + 1 :])
