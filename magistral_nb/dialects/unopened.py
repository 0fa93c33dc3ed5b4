"""An answer that may turn out to be a thought: its opening tag stood in the prompt, and only the closing one comes.

A closing tag quoted in code is text. Within what may be a code span nobody knows until the span closes, or until its
paragraph ends without; that text is held back.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from magistral_nb.dialects.code_spans import CodeTracker
from magistral_nb.dialects.tags import CLOSINGS, certain_length, first_tag


@dataclass(slots=True)
class Watched:
    """What is certain after reading on: `answer` text; whether it `was_thinking`, and the `rest` to read after it."""

    answer: str = ""
    was_thinking: bool = False
    rest: str = ""


@dataclass(slots=True)
class UnopenedThought:
    """Watches answer text for a closing tag outside code."""

    _code: CodeTracker = field(default_factory=CodeTracker)
    _scout: CodeTracker | None = None
    _unread: list[str] = field(default_factory=list)  # let through, but not read by the code tracker yet
    _held: list[str] = field(default_factory=list)
    _span_is_code: bool = False

    def feed(self, text: str) -> Watched:
        """Read on. `rest` is text to be fed again: to this watcher, or behind the thought that has ended."""
        if self._scout:
            return self._feed_scout(text)
        text = "".join(self._held) + text
        self._held = []
        where, closing = first_tag(text, CLOSINGS)
        if not closing:
            sure = certain_length(text, CLOSINGS)
            self._unread.append(text[:sure])
            self._held = [text[sure:]]
            return Watched(text[:sure])
        end = where + len(closing)
        self._read(text[:where])
        if self._code.in_block or self._span_is_code:
            self._unread.append(closing)
            return Watched(text[:end], rest=text[end:])
        before = text[:where].rstrip()
        if not self._code.span:
            return Watched(before, was_thinking=True, rest=text[end:])
        self._scout = self._code.look_ahead()
        self._scout.feed(closing)
        self._held = [text[len(before) : where], closing]
        return Watched(before, rest=text[end:])

    def close(self) -> Watched:
        """Return what was held back."""
        if self._scout:
            return self._decide(is_code=False)
        return Watched("".join(self._held))

    def _read(self, text: str) -> None:
        self._code.feed("".join(self._unread) + text)
        self._code.settle()
        self._unread = []
        self._span_is_code = self._span_is_code and bool(self._code.span) and not self._code.first_span_end

    def _feed_scout(self, text: str) -> Watched:
        assert self._scout is not None  # noqa: S101  only called with one
        self._held.append(text)
        self._scout.feed(text)
        if self._scout.first_span_end is None:
            return Watched()
        return self._decide(is_code=self._scout.first_span_end == "closed")

    def _decide(self, *, is_code: bool) -> Watched:
        space, closing, *rest = self._held
        self._scout, self._held = None, []
        if not is_code:
            return Watched(was_thinking=True, rest="".join(rest))
        self._span_is_code = True
        self._code.first_span_end = None
        self._unread.append(closing)
        return Watched(space + closing, rest="".join(rest))
