"""How a server wants to be told what was said: messages become the `messages` of a request body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from magistral_nb.messages import Message, Part, Text, Thought

ThoughtChunk = Literal["no", "string", "list"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one kind of server spells thinking on the way down; on the way up one decoder reads them all.

    thought_chunk : whether a message's content may hold `{"type": "thinking"}` parts, and whether their text is a
        string (vLLM) or a list of text parts (Mistral's own API). Where it may not, the thinking example of the
        default system prompt is written out with `[THINK]` tags.
    opens_thought : the server's template ends the prompt inside a thought, so that the reply starts in it.
    extra_body : fields that every request to such a server carries.
    no_thinking_hint : what to do when no thinking could be told apart.
    """

    name: str = "plain"
    thought_chunk: ThoughtChunk = "no"
    opens_thought: bool = False
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    no_thinking_hint: str = (
        "Was the default system prompt replaced? Use instructions=… to add to it. On vLLM, start the server with "
        "--tokenizer_mode mistral --reasoning-parser mistral."
    )


PLAIN = Dialect()
"""Any OpenAI-compatible server: plain strings only, which all of them read."""


def spell_messages(messages: Sequence[Message], dialect: Dialect) -> list[dict[str, Any]]:
    """Return the messages in OpenAI's shape, as this server reads them.

    Thinking of earlier turns is left out, as the model card allows and every server understands.
    """
    return [_spell(message, dialect) for message in messages]


def _spell(message: Message, dialect: Dialect) -> dict[str, Any]:
    spelled: dict[str, Any] = {"role": message.role, "content": _content(message, dialect)}
    if message.tool_calls:
        spelled["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        spelled["tool_call_id"] = message.tool_call_id
    if message.name is not None:
        spelled["name"] = message.name
    return spelled


def _content(message: Message, dialect: Dialect) -> str | list[dict[str, Any]]:
    if message.role != "system":
        return message.text
    if dialect.thought_chunk == "no" or not message.thinking:
        return "".join(_as_text(part) for part in message.parts)
    return [_as_chunk(part, dialect.thought_chunk) for part in message.parts]


def _as_text(part: Part) -> str:
    return f"[THINK]{part.text}[/THINK]" if isinstance(part, Thought) else part.text


def _as_chunk(part: Part, shape: ThoughtChunk) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    inner = part.text if shape == "string" else [{"type": "text", "text": part.text}]
    return {"type": "thinking", "thinking": inner}
