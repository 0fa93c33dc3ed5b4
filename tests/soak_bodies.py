"""Replies for the soak: drawn at random, spelled as servers spell them, and known to the byte."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from random import Random
from typing import Any

LETTERS = "abc déf 日本語 😀👩\u200d🔬 e\u0301 \u2028 \u00a0 x=1, y; ∑ñ\n \t.?"
"""Nothing here is a tag or the beginning of one: those are the decoder's affair."""
NOISE = (
    b": keep-alive", b"id: 7", b"retry: 3000", b"event: message", b'data: {"choices": []}', b"data:",
    b'data: {"choices": null, "usage": null}', b'data: {"choices": [{"index": 0, "delta": {"role": "assistant"}}]}',
    b'data: {"magistral": {"done": true}}',
)  # fmt: skip
"""What may stand between two events and tells nothing."""
FINISH = b'{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}'


@dataclass(frozen=True)
class Piece:
    """One event as it goes over the wire, and the text that it tells.

    unended : how many of its bytes already make it readable if nothing follows at all.
    """

    wire: bytes
    unended: int
    kind: str = ""
    text: str = ""


@dataclass(frozen=True)
class Told:
    """What a reader must have got."""

    thinking: str = ""
    answer: str = ""
    ended: bool = False

    @property
    def begun(self) -> bool:
        return bool(self.thinking or self.answer)


@dataclass(frozen=True)
class Body:
    """A whole reply."""

    pieces: tuple[Piece, ...]

    @property
    def wire(self) -> bytes:
        return b"".join(piece.wire for piece in self.pieces)

    def told(self, size: int | None = None, *, at_end: bool = False) -> Told:
        """Return what whole events tell within the first `size` bytes; `at_end` says that nothing more may come."""
        told, begins = Told(), 0
        for piece in self.pieces:
            needed = begins + (piece.unended if at_end else len(piece.wire))
            begins += len(piece.wire)
            if size is not None and needed > size:
                break
            if piece.kind == "end":
                told = replace(told, ended=True)
            elif piece.kind:
                told = replace(told, **{piece.kind: getattr(told, piece.kind) + piece.text})
        return told

    def first_word(self) -> int:
        """Return how many bytes it takes until the first word has come."""
        begins = 0
        for piece in self.pieces:
            begins += len(piece.wire)
            if piece.kind:
                break
        return begins

    def up_to(self, number: int) -> Body:
        """Return the first events, so many as tell something."""
        pieces, left = [], number
        for piece in self.pieces:
            if not left:
                break
            pieces.append(piece)
            left -= bool(piece.kind)
        return Body(tuple(pieces))

    @property
    def words(self) -> int:
        """How many events tell something, the end not counted."""
        return sum(piece.kind in ("thinking", "answer") for piece in self.pieces)


def draw_text(random: Random, most: int) -> str:
    """Return a text that neither begins nor ends with white space."""
    return "s" + "".join(random.choices(LETTERS, k=random.randint(2, most))) + "e"


def draw_body(random: Random, most: int = 90) -> Body:
    """Draw a reply: what it says, how it is cut into events, and how these are spelled."""
    spell = _Spelling(random)
    pieces: list[Piece] = []
    for kind in ("thinking", "answer"):
        for text in _cuts(random, draw_text(random, most)):
            if random.random() < 0.2:
                pieces.append(spell.raw(random.choice(NOISE)))
            pieces.append(spell.word(kind, text))
    pieces.append(replace(spell.event(FINISH), kind="end"))
    pieces.append(replace(spell.event(b"[DONE]"), kind="end"))
    return Body(tuple(pieces))


def spelled_whole(body: Body) -> bytes:
    """Return the reply as a server sends it that does not stream."""
    told = body.told()
    message = {"role": "assistant", "reasoning_content": told.thinking, "content": told.answer}
    return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()


def _cuts(random: Random, text: str) -> list[str]:
    pieces = []
    while text:
        size = random.randint(1, 12)
        pieces.append(text[:size])
        text = text[size:]
    return pieces


class _Spelling:
    """How one server writes its events."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._line_end = random.choice((b"\n", b"\n", b"\n", b"\r\n", b"\r"))
        self._field = random.choice(("reasoning", "reasoning_content", "typed"))
        self._escapes = random.random() < 0.3
        self._label = random.choice((b"data: ", b"data: ", b"data:"))

    def raw(self, line: bytes) -> Piece:
        wire = line + self._line_end * 2
        return Piece(wire, len(wire))

    def event(self, data: bytes) -> Piece:
        lines = data.replace(b"\n", self._line_end + self._label)
        readable = self._label + lines
        return Piece(readable + self._line_end * 2, len(readable))

    def word(self, kind: str, text: str) -> Piece:
        delta: dict[str, Any] = {"content": text}
        if kind == "thinking":
            typed = [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]
            delta = {"content": typed} if self._field == "typed" else {self._field: text}
        chunk = {"choices": [{"index": 0, "delta": delta}]}
        indent = 1 if self._random.random() < 0.1 else None  # an event of several lines
        data = json.dumps(chunk, ensure_ascii=self._escapes, indent=indent)
        return replace(self.event(data.encode()), kind=kind, text=text)
