"""Messages, ours or OpenAI-shaped dicts, become turns; what cannot be read is refused.

Dicts are read as strictly as mistral-common 1.13 reads them, with one addition: a thought may be a list of text parts,
as in Mistral's own API.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from magistral_nb.chat_format.characters import encodable
from magistral_nb.chat_format.functions import read_call
from magistral_nb.chat_format.pictures import is_picture
from magistral_nb.chat_format.refusals import refusal
from magistral_nb.chat_format.thoughts import read_thinking, with_reasoning
from magistral_nb.chat_format.turns import NO_ID, Piece, Thinking, Turn
from magistral_nb.errors import TemplateError
from magistral_nb.events import ToolCall
from magistral_nb.messages import ROLES, Image, Message, Part, Role, Text

MOST_MESSAGES = 10_000
MOST_PIECES = 20_000
MOST_CHARACTERS = 16_000_000
"""No window of a Magistral is nearly as large as these; they bound the time that a prompt takes."""

_LOST = "A conversation is a list of messages: user('…'), or dicts such as {'role': 'user', 'content': '…'}."
_KINDS = {"text": "text", "thinking": "thinking", "image_url": "pictures"}
_MAY_HOLD: dict[Role, tuple[str, ...]] = {
    "system": ("text", "thinking"),
    "user": ("text", "pictures"),
    "assistant": ("text", "thinking"),
    "tool": ("text",),
}


def read_turns(messages: Sequence[Message | Mapping[str, Any]], *, first: int = 1) -> list[Turn]:
    """Return the turns of a conversation, as they were given, the first one numbered `first`.

    Raises TemplateError for what is no message.
    """
    if isinstance(messages, str | bytes | Mapping) or not isinstance(messages, Sequence):
        raise TemplateError(f"A conversation cannot be a {type(messages).__name__}.", hint=_LOST)
    if not messages:
        raise TemplateError("The conversation holds no message.", hint=_LOST)
    if len(messages) > MOST_MESSAGES:
        raise TemplateError(f"The conversation has {len(messages):,} messages; {MOST_MESSAGES:,} are the limit.")
    turns = [_turn(number, message) for number, message in enumerate(messages, first)]
    _check_size(turns)
    return turns


def _turn(number: int, message: object) -> Turn:
    if isinstance(message, Message):
        return _from_message(number, message)
    if isinstance(message, Mapping):
        return _from_dict(number, message)
    raise TemplateError(f"Message {number} is a {type(message).__name__}.", hint=_LOST)


def _from_message(number: int, message: Message) -> Turn:
    pieces = tuple(_own_piece(number, message.role, part) for part in message.parts)
    for piece in pieces:
        _check_kind(number, message.role, _kind(piece))
    calls = tuple(
        read_call({"id": call.id or NO_ID, "function": {"name": call.name, "arguments": call.arguments}}, number)
        for call in message.tool_calls
    )
    return Turn(number, message.role, pieces, calls, message.tool_call_id, message.name)


def _own_piece(number: int, role: Role, part: Part) -> Piece:
    if isinstance(part, Image):
        return _picture(number, role, part)
    text = encodable(part.text)
    return Text(text) if isinstance(part, Text) else Thinking(text, getattr(part, "closed", True))


def _from_dict(number: int, data: Mapping[str, Any]) -> Turn:
    role = _role(number, data)
    pieces = _pieces(number, role, data.get("content"))
    calls: tuple[ToolCall, ...] = ()
    if role == "assistant":
        pieces = with_reasoning(pieces, data, number)
        calls = _calls(number, data.get("tool_calls"))
    elif data.get("content") is None:
        raise refusal("it has no content.", number=number, role=role, hint="Give text; it may be empty.")
    call_id, name = (data.get(field) if role == "tool" else None for field in ("tool_call_id", "name"))
    for field, value in (("tool_call_id", call_id), ("name", name)):
        if value is not None and not isinstance(value, str):
            raise refusal(f"its {field} is a {type(value).__name__}, not text.", number=number, role=role)
    return Turn(number, role, pieces, calls, call_id, name, role == "assistant" and data.get("prefix") is True)


def _role(number: int, data: Mapping[str, Any]) -> Role:
    role = data.get("role")
    role = "system" if role == "developer" else role  # OpenAI's newer word
    if role in ROLES:
        return role
    raise refusal("nobody has that role.", number=number, role=str(role)[:40], hint=f"Use {', '.join(ROLES)}.")


def _pieces(number: int, role: Role, content: object) -> tuple[Piece, ...]:
    if content is None:
        return ()
    if isinstance(content, str):
        return (Text(encodable(content)),)
    if not isinstance(content, Sequence) or isinstance(content, bytes):
        raise refusal(
            f"its content is a {type(content).__name__}.",
            number=number,
            role=role,
            hint="Give text, or a list of parts such as {'type': 'text', 'text': '…'}.",
        )
    return tuple(_piece(number, role, part) for part in content)


def _piece(number: int, role: Role, part: object) -> Piece:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if not isinstance(part, Mapping) or not isinstance(kind, str) or kind not in _KINDS:
        raise refusal(
            f"it holds a part that the format does not know: {str(part)[:60]!r}.",
            number=number,
            role=role,
            hint="A part is a dict whose type is text, thinking or image_url.",
        )
    _check_kind(number, role, _KINDS[kind])
    if kind == "thinking":
        return read_thinking(part, number, role)
    value = part.get(kind)
    if kind == "image_url" and isinstance(value, Mapping):
        value = value.get("url")
    if not isinstance(value, str):
        raise refusal(f"a part of type {kind} holds no text under {kind!r}.", number=number, role=role)
    return Text(encodable(value)) if kind == "text" else _picture(number, role, Image(value))


def _picture(number: int, role: Role, picture: Image) -> Image:
    if is_picture(picture.url):
        return picture
    raise refusal(
        f"its picture is none: {picture.url[:40]!r}.",
        number=number,
        role=role,
        hint="Give an https address, or a data: URL that holds a PNG, JPEG, GIF or WebP file.",
    )


def _kind(piece: Piece) -> str:
    return {Text: "text", Thinking: "thinking", Image: "pictures"}[type(piece)]


def _check_kind(number: int, role: Role, kind: str) -> None:
    if kind not in _MAY_HOLD[role]:
        allowed = " and ".join(_MAY_HOLD[role])
        raise refusal(f"a message of this role holds {allowed}, and no {kind}.", number=number, role=role)


def _calls(number: int, calls: object) -> tuple[ToolCall, ...]:
    if calls is None:
        return ()
    if not isinstance(calls, Sequence) or isinstance(calls, str | bytes):
        raise refusal("its tool_calls are no list.", number=number, role="assistant")
    return tuple(read_call(call, number) for call in calls)


def _check_size(turns: Sequence[Turn]) -> None:
    pieces = sum(len(turn.pieces) + len(turn.calls) for turn in turns)
    if pieces > MOST_PIECES:
        raise TemplateError(f"The messages have {pieces:,} parts and calls; {MOST_PIECES:,} are the limit.")
    characters = sum(len(turn.text) + len(turn.thinking) for turn in turns)
    characters += sum(len(call.arguments) for turn in turns for call in turn.calls)
    if characters > MOST_CHARACTERS:
        raise TemplateError(f"The conversation has {characters:,} characters; {MOST_CHARACTERS:,} are the limit.")
