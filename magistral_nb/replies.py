"""What comes back: the reply, and the one fold that makes it from events. A value: no client, no file, no widget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, assert_never

from magistral_nb.events import (
    AnswerDelta,
    Done,
    Event,
    Failed,
    FinishReason,
    Notice,
    Reclassified,
    Started,
    ThinkingDelta,
    ToolCall,
    Usage,
    Waiting,
)
from magistral_nb.messages import Message, assistant
from magistral_nb.rendering.text import whole
from magistral_nb.scrubbing import scrub, scrub_data, scrub_page


class _GrowingText:
    """Text that one thread adds to while others read it: adding and reading often both stay cheap."""

    def __init__(self, text: str = "") -> None:
        self._pieces = [text] if text else []
        self._known = (0, "")

    def add(self, text: str) -> None:
        self._pieces.append(text)

    def __str__(self) -> str:
        count, text = self._known
        if len(self._pieces) > count:
            new = self._pieces[count:]
            text += "".join(new)
            self._known = (count + len(new), text)
        return text


@dataclass(eq=False)
class Reply:
    """What the model said: `thinking` and `answer` apart, and the facts about how it came.

    `str(reply)` is the answer. Times are in seconds, counts in tokens, costs in USD. `complete` is True only if the
    server ended the reply in order. `thinking_seconds` is None where no time could be observed. `recorded` is the
    date of the recording a reply was played from. `parsed` is the value that `response_format` asked for.
    """

    model: str = ""
    endpoint: str = ""
    finish_reason: FinishReason = "unknown"
    complete: bool = False
    usage: Usage | None = None
    tool_calls: list[ToolCall] = field(default_factory=list)
    parsed: Any = None
    seconds: float = 0.0
    thinking_seconds: float | None = None
    request_id: str | None = None
    recorded: str | None = None
    notices: list[Notice] = field(default_factory=list)
    _thinking: _GrowingText = field(default_factory=_GrowingText)
    _answer: _GrowingText = field(default_factory=_GrowingText)
    _thinking_began: float | None = None
    _answer_began: float | None = None

    @property
    def thinking(self) -> str:
        """All thinking so far."""
        return str(self._thinking)

    @property
    def answer(self) -> str:
        """All of the answer so far."""
        return str(self._answer)

    def __str__(self) -> str:
        return self.answer

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reply) and self.to_dict() == other.to_dict()

    def __repr__(self) -> str:
        said = f"thinking={_short(scrub(self.thinking))}, answer={_short(scrub(self.answer))}"
        return f"Reply({said}, finish_reason={self.finish_reason!r})"

    def add(self, event: Event) -> None:  # noqa: C901  one branch for each kind of event is the point
        """Fold one event in. This is the only place where events become a reply; the page has its twin."""
        match event:
            case ThinkingDelta(text, at):
                self._thinking.add(text)
                if self._thinking_began is None:
                    self._thinking_began = at
                if self._answer_began is None:
                    self._observe_thinking_until(at)
            case AnswerDelta(text, at):
                self._answer.add(text)
                if self._answer_began is None:
                    self._answer_began = at
                    self._observe_thinking_until(at)
            case Reclassified(at):
                # Two halves of a secret may meet here.
                self._thinking, self._answer = _GrowingText(scrub(self.thinking + self.answer)), _GrowingText()
                self._thinking_began, self._answer_began = self._answer_began, None
                self._observe_thinking_until(at)
            case Started(model, endpoint, recorded):
                self.model, self.endpoint, self.recorded = model, endpoint, recorded
            case ToolCall():
                self.tool_calls.append(event)
            case Usage():
                self.usage = event
            case Notice():
                self.notices.append(event)
            case Done(finish_reason, _, request_id, at):
                self.finish_reason, self.request_id = finish_reason, request_id
                self.complete, self.seconds = finish_reason not in ("interrupted", "budget"), at
            case Failed(request_id=request_id, at=at):
                self.request_id, self.seconds = request_id, at
            case Waiting():
                pass
            case _:
                assert_never(event)

    def _observe_thinking_until(self, at: float) -> None:
        if self._thinking_began is not None and at > self._thinking_began:
            self.thinking_seconds = at - self._thinking_began

    def interrupt(self, *, seconds: float) -> None:
        """Mark a reply that its reader stopped; one that is already whole, or ended by its budget, stays as it is."""
        if not self.complete and self.finish_reason != "budget":
            self.finish_reason, self.seconds = "interrupted", seconds

    def become(self, other: Reply) -> None:
        """Take over all that another reply holds, so that whoever holds this one sees it."""
        for one in fields(self):
            setattr(self, one.name, getattr(other, one.name))

    def to_message(self) -> Message:
        """Return the reply as the assistant's turn, thinking included."""
        return assistant(self.answer, thinking=self.thinking, tool_calls=self.tool_calls)

    def to_dict(self) -> dict[str, Any]:
        """Return the reply as plain JSON data that can be saved; `from_dict` reads it back.

        No secret that is known by now is in it.
        """
        data = {
            "v": 1,
            "thinking": scrub(self.thinking),
            "answer": scrub(self.answer),
            "tool_calls": [call.to_dict() for call in self.tool_calls],
            "parsed": scrub_data(_plain(self.parsed)),
            "finish_reason": self.finish_reason,
            "complete": self.complete,
            "usage": self.usage and self.usage.to_dict(),
            "seconds": self.seconds,
            "thinking_seconds": self.thinking_seconds,
            "model": self.model,
            "endpoint": self.endpoint,
            "request_id": self.request_id and scrub(self.request_id),
            "recorded": self.recorded,
            "notices": [notice.to_dict() for notice in self.notices],
        }
        written: dict[str, Any] = whole(data)
        return written

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Reply:
        """Read what `to_dict` wrote; unknown keys are left out."""
        reply = cls(
            tool_calls=[ToolCall(**_known(ToolCall, call)) for call in data.get("tool_calls") or ()],
            usage=Usage(**_known(Usage, data["usage"])) if data.get("usage") else None,
            notices=[Notice(**_known(Notice, notice)) for notice in data.get("notices") or ()],
            _thinking=_GrowingText(data.get("thinking") or ""),
            _answer=_GrowingText(data.get("answer") or ""),
        )
        for name in _PLAIN_FIELDS:
            if name in data:
                setattr(reply, name, data[name])
        return reply

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what `to_dict` tells: a file is no place for a secret."""
        return (type(self).from_dict, (self.to_dict(),))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        from magistral_nb.rendering.reply import REPLY_MIME, reply_html, reply_text

        data = self.to_dict()
        # Drawing may put together what stood apart in Markdown.
        return {REPLY_MIME: data, "text/html": scrub_page(reply_html(data)), "text/plain": scrub(reply_text(data))}


_PLAIN_FIELDS = (
    "model", "endpoint", "finish_reason", "complete", "parsed",
    "seconds", "thinking_seconds", "request_id", "recorded",
)  # fmt: skip


def _known(kind: type[ToolCall | Usage | Notice], data: Mapping[str, Any]) -> dict[str, Any]:
    return {one.name: data[one.name] for one in fields(kind) if one.name in data}


def _plain(parsed: Any) -> Any:
    """Return a parsed value as plain JSON data; one that is plain already needs no pydantic."""
    if parsed is None or type(parsed) in (str, int, float, bool):
        return parsed
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(parsed, fallback=str)


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "…")
