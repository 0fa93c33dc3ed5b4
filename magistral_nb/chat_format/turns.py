"""A conversation while it is put in order: values that can say all that the chat format can spell."""

from __future__ import annotations

from dataclasses import dataclass

from magistral_nb.events import ToolCall
from magistral_nb.messages import Image, Role, Text

NO_ID = "null"
"""How Mistral spells that a call has no id."""


@dataclass(frozen=True, slots=True)
class Thinking:
    """A thought. One that is not closed was cut off, or goes on where the reply begins."""

    text: str
    closed: bool = True


Piece = Text | Thinking | Image


@dataclass(frozen=True, slots=True)
class Turn:
    """One message, or several of one role that became one.

    number : which message of the conversation it is, or the first of them; counted from 1.
    calls : what the model asks for. Their arguments are JSON, written as the format wants it.
    call_id : which call a function's result belongs to.
    name : which function a result came from; the format checks it and writes it nowhere.
    continued : the message asks by itself to be gone on with (`"prefix": true`, as in Mistral's own API).
    """

    number: int
    role: Role
    pieces: tuple[Piece, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    call_id: str | None = None
    name: str | None = None
    continued: bool = False

    @property
    def text(self) -> str:
        """What was said, without the thinking."""
        return "".join(piece.text for piece in self.pieces if isinstance(piece, Text))

    @property
    def thinking(self) -> str:
        """The thinking alone."""
        return "".join(piece.text for piece in self.pieces if isinstance(piece, Thinking))
