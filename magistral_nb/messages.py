"""What is said: the messages that go down to a model. Values only: no client, no widget."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from magistral_nb.errors import ConfigurationError
from magistral_nb.events import ToolCall
from magistral_nb.images import picture_url
from magistral_nb.scrubbing import scrub

Role = Literal["system", "user", "assistant", "tool"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant", "tool")


@dataclass(frozen=True, slots=True)
class Text:
    """A part of a message that is plain text."""

    text: str


@dataclass(frozen=True, slots=True)
class Thought:
    """A part of a message that is thinking: the model's own, or the example in a system prompt.

    One that is not `closed` was cut off: the model goes on thinking where it ends.
    """

    text: str
    closed: bool = True


@dataclass(frozen=True, slots=True)
class Image:
    """A part of a message that is a picture: a `data:` URL, or an address that the server fetches."""

    url: str


Part = Text | Thought | Image


@dataclass(frozen=True, slots=True, repr=False)
class Message:
    """One turn of a conversation. Make it with `system`, `user`, `assistant` or `tool`."""

    role: Role
    parts: tuple[Part, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None

    def __repr__(self) -> str:
        told = (f"{field.name}={getattr(self, field.name)!r}" for field in fields(self))
        return scrub(f"Message({', '.join(told)})")

    @property
    def text(self) -> str:
        """The text parts, joined: what was said, without the thinking."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def thinking(self) -> str:
        """The thinking parts, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, Thought))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Message:
        """Read a message in OpenAI's shape, with any of the fields in which servers put thinking.

        >>> Message.from_dict({"role": "user", "content": "hi"}).text
        'hi'
        """
        role = data.get("role")
        role = "system" if role == "developer" else role  # OpenAI's newer word
        if role not in ROLES:
            raise ConfigurationError(f"A message has the role {role!r}.", hint=f"Use one of {', '.join(ROLES)}.")
        parts = _parts(data.get("content"))
        spelled_apart = data.get("reasoning_content") or data.get("reasoning")
        if spelled_apart and not any(isinstance(part, Thought) for part in parts):
            parts = (Thought(str(spelled_apart)), *parts)
        told = data.get("tool_calls") or ()
        if isinstance(told, str | bytes | Mapping) or not isinstance(told, Sequence):
            raise ConfigurationError(f"tool_calls are a list, not a {type(told).__name__}.", hint=_CALL_SHAPE)
        calls = tuple(_tool_call(call) for call in told)
        names = [data.get("tool_call_id"), data.get("name")]
        call_id, name = (str(value) if value is not None else None for value in names)
        return cls(role, parts, calls, call_id, name)


def _parts(content: object) -> tuple[Part, ...]:
    if content is None:
        return ()
    if isinstance(content, str):
        return (Text(content),)
    if not isinstance(content, Sequence):
        raise ConfigurationError(
            f"A message's content is a {type(content).__name__}.",
            hint="Give text, or a list of parts such as {'type': 'text', 'text': …}.",
        )
    return tuple(_part(piece) for piece in content)


def _part(piece: object) -> Part:
    if isinstance(piece, Text | Thought | Image):
        return piece
    if isinstance(piece, str):
        return Text(piece)
    if isinstance(piece, Mapping):
        kind = piece.get("type")
        if kind == "text":
            return Text(str(piece.get("text") or ""))
        if kind == "thinking":
            thinking = "".join(part.text for part in _parts(piece.get("thinking")) if isinstance(part, Text))
            return Thought(thinking, closed=piece.get("closed") is not False)
        if kind == "image_url":
            image = piece.get("image_url")
            url = image.get("url") if isinstance(image, Mapping) else image
            if isinstance(url, str) and url:
                return Image(url)
    raise ConfigurationError(
        f"A message holds a part that cannot be sent: {str(piece)[:80]}", hint="Use text, thinking or image_url parts."
    )


_CALL_SHAPE = "A call has the shape {'id': …, 'type': 'function', 'function': {'name': …, 'arguments': …}}."


def _tool_call(data: object) -> ToolCall:
    if isinstance(data, ToolCall):
        return data
    function = data.get("function") if isinstance(data, Mapping) else None
    if not isinstance(data, Mapping) or not isinstance(function, Mapping):
        raise ConfigurationError(f"This is no call of a function: {str(data)[:80]}", hint=_CALL_SHAPE)
    arguments = function.get("arguments") or ""
    return ToolCall(
        id=str(data.get("id") or ""),
        name=str(function.get("name") or ""),
        # Some libraries keep them parsed; servers want JSON text.
        arguments=arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False, default=str),
    )


def system(text: str) -> Message:
    """Return a system message. A list that begins with one is sent as it is, with no default prompt."""
    return Message("system", (Text(text),))


def user(text: str, *, images: Sequence[str | Path | bytes] = ()) -> Message:
    """Return what the user says. `images` are files, their bytes, or https addresses that the server fetches.

    Magistral Small 2509 reads pictures; earlier ones do not. Raises ConfigurationError for what is no picture.
    """
    return Message("user", (*(Image(picture_url(image)) for image in images), Text(text)))


def assistant(text: str, *, thinking: str = "", tool_calls: Sequence[ToolCall] = ()) -> Message:
    """Return what the model said, with its thinking apart."""
    parts: tuple[Part, ...] = (Thought(thinking),) if thinking else ()
    return Message("assistant", (*parts, Text(text)), tuple(tool_calls))


def tool(text: str, *, tool_call_id: str, name: str | None = None) -> Message:
    """Return the result of a function that the model asked for."""
    return Message("tool", (Text(text),), tool_call_id=tool_call_id, name=name)
