"""How a server wants to be told what was said: messages become the `messages` of a request body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from magistral_nb.chat_format.characters import encodable
from magistral_nb.dialects.tags import TAG_PAIRS
from magistral_nb.errors import ConfigurationError
from magistral_nb.messages import Image, Message, Part, Text, Thought

ThoughtChunk = Literal["no", "string", "list"]
History = Literal["tags", "chunks", "reasoning", "reasoning_content"]
Prefill = Literal["as_is", "continue_final_message", "prefix", "no"]
KeepThinking = Literal["none", "last", "all"]

_THINK_TOKENS, _THINK_TEXT = TAG_PAIRS


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one kind of server spells thinking on the way down; on the way up one decoder reads them all.

    thought_chunk : whether a message's content may hold `{"type": "thinking"}` parts, and whether their text is a
        string (vLLM) or a list of text parts (Mistral's own API). Where it may not, the thinking example of the
        default system prompt is written out with `[THINK]` tags.
    history : where the thinking of earlier turns goes, if it is kept: written out with tags in plain text, in chunks,
        or in a field of that name.
    prefill : how a reply that is to be continued is marked; "no" where the server cannot.
    opens_thought : the server's template ends the prompt inside a thought, so that the reply starts in it.
    extra_body : fields that every request to such a server carries.
    no_thinking_hint : what to do when no thinking could be told apart.
    """

    name: str = "plain"
    thought_chunk: ThoughtChunk = "no"
    history: History = "tags"
    prefill: Prefill = "as_is"
    opens_thought: bool = False
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    no_thinking_hint: str = (
        "Was the default system prompt replaced? Use instructions=… to add to it. On vLLM, start the server with "
        "--tokenizer_mode mistral --reasoning-parser mistral."
    )


PLAIN = Dialect()
"""Any OpenAI-compatible server: plain strings only, which all of them read."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A conversation as it is sent again. dropped : which of the messages lost their thinking, counted from 0."""

    messages: list[Message]
    dropped: tuple[int, ...] = ()


def keep(messages: Sequence[Message], policy: KeepThinking) -> Kept:
    """Return the conversation with the thinking of earlier turns kept for none, the last, or all of them.

    A reply at the end is no earlier turn: it is to be continued, so its thinking stays. One that was cut off within its
    thought has nothing left to say without it, and no format takes an empty one: the questions around it become one.
    """
    thoughtful = [n for n, message in enumerate(messages[:-1]) if message.role == "assistant" and message.thinking]
    kept = {"none": [], "last": thoughtful[-1:], "all": thoughtful}[policy]
    dropped = tuple(n for n in thoughtful if n not in kept)
    said: list[Message] = []
    gap = False
    for number, message in enumerate(messages):
        plain = _without_thinking(message) if number in dropped else message
        if number in dropped and not (plain.text or plain.tool_calls):
            gap = True
        elif gap and said and said[-1].role == plain.role == "user":
            said[-1] = Message("user", (*said[-1].parts, *plain.parts))
            gap = False
        else:
            said.append(plain)
            gap = False
    return Kept(said, dropped)


def spell_messages(messages: Sequence[Message], dialect: Dialect, *, revision: str | None) -> list[dict[str, Any]]:
    """Return the messages in OpenAI's shape, as this server reads them, with all the thinking that they hold.

    `revision` decides which tags stand for thinking where tags must: `<think>` for 2506, `[THINK]` else.
    """
    spelled = [_encodable(_spell(message, dialect, revision)) for message in messages]
    if messages and messages[-1].role == "assistant":
        _mark_prefill(spelled[-1], messages[-1], dialect)
    return spelled


def _encodable(data: Any) -> Any:
    """Return JSON data whose texts can be sent: half a character, as a cut copy leaves it, becomes U+FFFD."""
    if isinstance(data, str):
        return encodable(data)
    if isinstance(data, dict):
        return {name: _encodable(value) for name, value in data.items()}
    return [_encodable(value) for value in data] if isinstance(data, list) else data


def prefill_fields(messages: Sequence[Message], dialect: Dialect) -> dict[str, Any]:
    """Return the fields of the request body that ask a server to continue the last message, if it is the model's."""
    continued = bool(messages) and messages[-1].role == "assistant"
    if continued and dialect.prefill == "continue_final_message":
        return {"continue_final_message": True, "add_generation_prompt": False}
    return {}


def why_not_continued(message: Message, dialect: Dialect) -> str:
    """Return why a server cannot go on with a reply, or "" if it can."""
    if dialect.prefill == "no":
        return "this server cannot continue one"
    if ends_in_thought(message) and _goes_into_a_field(message, dialect):
        return "this server can continue an answer, but not a thought: it would close it"
    return ""


def ends_in_thought(message: Message) -> bool:
    """Say whether a message is a reply that was cut off while it was thinking."""
    last = message.parts[-1] if message.role == "assistant" and message.parts else None
    return isinstance(last, Thought) and not last.closed


def _mark_prefill(spelled: dict[str, Any], message: Message, dialect: Dialect) -> None:
    if reason := why_not_continued(message, dialect):
        raise ConfigurationError(
            f"The conversation ends with a reply, and {reason}.",
            hint="End it with a question, or use a server that can, such as vLLM or llama.cpp.",
        )
    if dialect.prefill == "prefix":
        spelled["prefix"] = True


def _spell(message: Message, dialect: Dialect, revision: str | None) -> dict[str, Any]:
    spelled: dict[str, Any] = {"role": message.role, "content": _content(message, dialect, revision)}
    if message.thinking and message.role == "assistant" and _goes_into_a_field(message, dialect):
        spelled[dialect.history] = message.thinking
    if message.tool_calls:
        spelled["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    for name in ("tool_call_id", "name"):
        if getattr(message, name) is not None:
            spelled[name] = getattr(message, name)
    return spelled


def _content(message: Message, dialect: Dialect, revision: str | None) -> str | list[dict[str, Any]]:
    """The content of a message: a plain string wherever that says it all, since every server reads those."""
    if message.role == "assistant":
        if not message.thinking or _goes_into_a_field(message, dialect):
            return _joined([part for part in message.parts if isinstance(part, Text)], message, revision)
        # 2506 knows no thinking chunks; an open thought can be told in no other way.
        in_chunks = (dialect.history == "chunks" and revision != "2506") or _goes_in_parts(message, dialect)
    else:
        in_chunks = dialect.thought_chunk != "no" and bool(message.thinking)
    has_image = any(isinstance(part, Image) for part in message.parts)
    if in_chunks or has_image:
        return [_chunk(part, dialect.thought_chunk) for part in message.parts]
    return _joined(message.parts, message, revision)


def _joined(parts: Sequence[Part], message: Message, revision: str | None) -> str:
    """Return parts as one text: neighbouring texts with a blank line between them, as Mistral's formats join them."""
    spelled, was_text = "", False
    for part in parts:
        text, is_text = _as_text(part, message, revision), isinstance(part, Text)
        if is_text and not text:
            continue
        spelled += ("\n\n" if was_text and is_text else "") + text
        was_text = is_text
    return spelled


def _goes_into_a_field(message: Message, dialect: Dialect) -> bool:
    return dialect.history in ("reasoning", "reasoning_content") and not _goes_in_parts(message, dialect)


def _goes_in_parts(message: Message, dialect: Dialect) -> bool:
    """Say whether a thought is to be gone on with, where a field would close it and parts are read."""
    is_open = any(isinstance(part, Thought) and not part.closed for part in message.parts)
    return is_open and dialect.history in ("reasoning", "reasoning_content") and dialect.thought_chunk != "no"


def _as_text(part: Part, message: Message, revision: str | None) -> str:
    if not isinstance(part, Thought):
        return part.text if isinstance(part, Text) else ""
    if revision == "2506" and message.role == "assistant":
        return f"{_THINK_TEXT.opening}\n{part.text}" + f"\n{_THINK_TEXT.closing}\n" * part.closed
    return f"{_THINK_TOKENS.opening}{part.text}" + _THINK_TOKENS.closing * part.closed


def _chunk(part: Part, shape: ThoughtChunk) -> dict[str, Any]:
    if isinstance(part, Image):
        return {"type": "image_url", "image_url": {"url": part.url}}
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if shape == "no":
        return {"type": "text", "text": f"{_THINK_TOKENS.opening}{part.text}" + _THINK_TOKENS.closing * part.closed}
    inner = part.text if shape == "string" else [{"type": "text", "text": part.text}]
    return {"type": "thinking", "thinking": inner, **({} if part.closed else {"closed": False})}


def _without_thinking(message: Message) -> Message:
    parts = tuple(part for part in message.parts if not isinstance(part, Thought))
    return Message(message.role, parts, message.tool_calls, message.tool_call_id, message.name)
