"""What can happen while a reply streams in.

A closed union of small frozen values; `event.to_dict()` is the wire form that recordings, MIME bundles and the
browser share. `at` is the time since the request was sent, in seconds. The order is always:

    Started Waiting* (ThinkingDelta | AnswerDelta | Reclassified | Notice)* ToolCall* Usage? Notice* (Done | Failed)
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

from magistral_nb.scrubbing import scrub_data

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "interrupted", "budget", "unknown"]
"""Why a reply ended, in OpenAI's words where it has one."""


class _Wire:
    """Gives every event its wire form."""

    __slots__ = ()
    type: ClassVar[str]

    def to_dict(self) -> dict[str, Any]:
        """Return the event as plain JSON data, `type` first, without the secrets that are known by now."""
        return {"type": self.type} | {
            field.name: scrub_data(getattr(self, field.name))
            for field in fields(self)  # type: ignore[arg-type]  # every subclass is a dataclass
        }


@dataclass(frozen=True, slots=True)
class Started(_Wire):
    """The request is about to be sent. `recorded` is the date of the recording it is read from, or None."""

    type: ClassVar[Literal["started"]] = "started"
    model: str
    endpoint: str
    recorded: str | None = None
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Waiting(_Wire):
    """Nothing has come yet, and why; `seconds` is how long this wait will last, or 0 where nobody knows.

    `text` is what to read meanwhile, in plain lines; `progress` goes from 0 to 1, or is None where nobody knows.
    """

    type: ClassVar[Literal["waiting"]] = "waiting"
    why: str
    seconds: float = 0.0
    text: str = ""
    progress: float | None = None
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class ThinkingDelta(_Wire):
    """A piece of the model's thinking."""

    type: ClassVar[Literal["thinking.delta"]] = "thinking.delta"
    text: str
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class AnswerDelta(_Wire):
    """A piece of the answer."""

    type: ClassVar[Literal["answer.delta"]] = "answer.delta"
    text: str
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Reclassified(_Wire):
    """All answer text so far was thinking: its opening tag stood in the prompt, or it was a draft that did not fit.

    Each of the two at most once a reply.
    """

    type: ClassVar[Literal["reclassified"]] = "reclassified"
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class ToolCall(_Wire):
    """The model asks for a function to be called. `arguments` is complete JSON text, not yet checked."""

    type: ClassVar[Literal["tool_call"]] = "tool_call"
    id: str
    name: str
    arguments: str
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Usage(_Wire):
    """What the server counted, in tokens; `cost` in USD, or None where no price is known.

    `estimated` says that the counts are our own: of a reply that was stopped by a budget, before the server counted.
    """

    type: ClassVar[Literal["usage"]] = "usage"
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int | None = None
    cost: float | None = None
    at: float = 0.0
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Notice(_Wire):
    """Something the reader must know; `code` is for programs, `text` for people."""

    type: ClassVar[Literal["notice"]] = "notice"
    code: str
    text: str
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Done(_Wire):
    """The reply is whole. `raw` is the server's own word for the finish reason."""

    type: ClassVar[Literal["done"]] = "done"
    finish_reason: FinishReason
    raw: str | None = None
    request_id: str | None = None
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Failed(_Wire):
    """The reply ended in an error. Programs never see this: they get the exception."""

    type: ClassVar[Literal["failed"]] = "failed"
    kind: str
    message: str
    hint: str = ""
    request_id: str | None = None
    at: float = 0.0


Event = Started | Waiting | ThinkingDelta | AnswerDelta | Reclassified | ToolCall | Usage | Notice | Done | Failed
"""Any event; `match` on it and let `assert_never` prove that none was forgotten."""
