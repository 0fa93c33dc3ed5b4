"""Thinking inside the text itself: `<think>…</think>` (2506) and `[THINK]…[/THINK]` (2507, 2509), cut anywhere.

The rules, each with a test:
- Only a block at the head of a reply is thinking; only its own closing tag ends it; later tags are text.
- White space next to a tag belongs to the tag. No other character is lost, doubled or moved.
- A closing tag with no opening one, outside code and with no thinking seen, ends a thought whose opening tag stood
  in the prompt: everything before it was thinking.
- Once a structured field has held text, tags are text, but for one block at the head that repeats that text.
"""

from __future__ import annotations

from collections.abc import Callable

from magistral_nb.dialects.repeated_block import RepeatedBlock, Verdict
from magistral_nb.dialects.tags import (
    CLOSINGS,
    MOST_SPACE,
    OPENINGS,
    TAG_PAIRS,
    Kind,
    Piece,
    TagPair,
    certain_length,
    first_tag,
)
from magistral_nb.dialects.unopened import UnopenedThought, Watched

_WINDOW = 4096
"""How much is read at a time, in characters: the cost of a text full of tags then grows with its length only."""


class InlineTags:
    """Splits the text of one reply into thinking and answer, however it is cut.

    `told` returns the thinking that structured fields have told so far. `opened` says that the request itself opened
    the thought, so that the reply starts inside it.
    """

    def __init__(self, told: Callable[[], str], *, opened: bool = False) -> None:
        self._told = told
        self._held = ""
        self._pair: TagPair | None = None
        self._block: RepeatedBlock | None = None
        self._watch = UnopenedThought()
        self._opened = opened
        self._after_empty_thought = False
        self._step = self._at_head

    def feed(self, text: str) -> list[Piece]:
        """Read on; return what is certain by now."""
        if self._step == self._in_answer:
            return [(Kind.ANSWER, text)]
        pieces: list[Piece] = []
        todo = _windows(text)
        while todo:
            held, self._held = self._held, ""
            rest = self._step(held + todo.pop(), pieces)
            todo += _windows(rest)
        return pieces

    def close(self) -> list[Piece]:
        """Return what was held back: at the end of a reply, half a tag is text."""
        pieces: list[Piece] = []
        if self._step == self._in_watched_answer:
            self._take(self._watch.close(), pieces, at_end=True)
        elif self._step == self._in_repeat and self._block:
            _add(pieces, Kind.ANSWER, self._block.close())
        elif self._step == self._in_thought:
            _add(pieces, Kind.THINKING, self._held)
        else:
            _add(pieces, Kind.ANSWER, self._held)
        self._held = ""
        self._step = self._in_answer
        return pieces

    # Each step reads some text, adds the pieces that are certain, and returns the text for the step after it.

    def _at_head(self, text: str, pieces: list[Piece]) -> str:
        start = text.lstrip()
        if self._after_empty_thought:
            text = start
        for pair in TAG_PAIRS:
            if start.startswith(pair.opening):
                return self._enter_block(pair, start[len(pair.opening) :])
        closings = () if self._told() else CLOSINGS
        for closing in closings:
            if start.startswith(closing):  # the prompt's thought was left empty; a real one may follow
                self._opened, self._after_empty_thought = False, True
                return start[len(closing) :]
        if len(text) <= MOST_SPACE and any(tag.startswith(start) for tag in (*OPENINGS, *closings)):
            self._held = text
            return ""
        if self._told():  # a server that tells the thought apart sends nothing of it here
            self._step = self._in_answer
        else:
            self._step = self._in_thought if self._opened else self._in_watched_answer
        return text

    def _enter_block(self, pair: TagPair, rest: str) -> str:
        self._pair = pair
        if self._told():
            self._block = RepeatedBlock(pair, self._told)
            self._step = self._in_repeat
            return rest or self._in_repeat("", [])
        self._step = self._after_opening
        return rest

    def _after_opening(self, text: str, pieces: list[Piece]) -> str:
        text = text.lstrip()
        if text:
            self._step = self._in_thought
        return text

    def _in_thought(self, text: str, pieces: list[Piece]) -> str:
        closings = (self._pair.closing,) if self._pair else CLOSINGS
        where, closing = first_tag(text, closings)
        if not closing:
            sure = certain_length(text, closings)
            _add(pieces, Kind.THINKING, text[:sure])
            self._held = text[sure:]
            return ""
        _add(pieces, Kind.THINKING, text[:where].rstrip())
        self._step = self._after_closing
        return text[where + len(closing) :].lstrip()

    def _after_closing(self, text: str, pieces: list[Piece]) -> str:
        text = text.lstrip()
        if text:
            self._step = self._in_answer
        return text

    def _in_answer(self, text: str, pieces: list[Piece]) -> str:
        _add(pieces, Kind.ANSWER, text)
        return ""

    def _in_watched_answer(self, text: str, pieces: list[Piece]) -> str:
        if self._told():  # thinking came after all, in a field of its own: tags are text from here
            self._take(self._watch.close(), pieces, at_end=True)
            self._step = self._in_answer
            return text
        return self._take(self._watch.feed(text), pieces)

    def _take(self, watched: Watched, pieces: list[Piece], *, at_end: bool = False) -> str:
        _add(pieces, Kind.ANSWER, watched.answer)
        if watched.was_thinking:
            pieces.append((Kind.RECLASSIFIED, ""))
            self._step = self._after_closing
            watched.rest = watched.rest.lstrip()
        if at_end:
            _add(pieces, Kind.ANSWER, watched.rest)
            return ""
        return watched.rest

    def _in_repeat(self, text: str, pieces: list[Piece]) -> str:
        assert self._block is not None  # noqa: S101  the step is entered with one
        verdict, rest = self._block.feed(text)
        if verdict is Verdict.REPEAT:
            self._step = self._after_closing
        elif verdict is Verdict.TEXT:
            self._step = self._in_answer
        return rest


def _windows(text: str) -> list[str]:
    """Cut a text for reading, the first piece last: the list is a stack."""
    if len(text) <= _WINDOW:
        return [text] if text else []
    return [text[start : start + _WINDOW] for start in range(0, len(text), _WINDOW)][::-1]


def _add(pieces: list[Piece], kind: Kind, text: str) -> None:
    if text:
        pieces.append((kind, text))
