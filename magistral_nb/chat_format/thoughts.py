"""The thinking in an OpenAI-shaped message: a part of its content, or a field beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from magistral_nb.chat_format.characters import encodable
from magistral_nb.chat_format.refusals import refusal
from magistral_nb.chat_format.turns import Piece, Thinking
from magistral_nb.messages import Role

_FIELDS = ("reasoning_content", "reasoning")
"""Where servers put thinking: SGLang and llama.cpp, and vLLM."""


def read_thinking(part: Mapping[str, Any], number: int, role: Role) -> Thinking:
    """Return the thought that a part of type `thinking` holds: text, or a list of text parts (Mistral's own API)."""
    closed = part.get("closed", True)
    if not isinstance(closed, bool):
        raise refusal("a thought's `closed` must be true or false.", number=number, role=role)
    thinking = part.get("thinking")
    if isinstance(thinking, Sequence) and not isinstance(thinking, str | bytes):
        thinking = _joined(thinking)
    if not isinstance(thinking, str):
        raise refusal("a thought must be text, or a list of text parts.", number=number, role=role)
    return Thinking(encodable(thinking), closed)


def with_reasoning(pieces: tuple[Piece, ...], message: Mapping[str, Any], number: int) -> tuple[Piece, ...]:
    """Return what a reply says, with the thinking of its fields in front; an empty one is a thought too."""
    told = [message[field] for field in _FIELDS if message.get(field) is not None]
    if not told:
        return pieces
    if not all(isinstance(text, str) for text in told):
        raise refusal(f"its {' and '.join(_FIELDS)} must be text.", number=number, role="assistant")
    if len(set(told)) > 1:
        raise refusal(f"its {' and '.join(_FIELDS)} differ.", number=number, role="assistant", hint="Keep one of them.")
    if any(isinstance(piece, Thinking) for piece in pieces):
        raise refusal(
            "it tells its thinking twice, in its content and in a field beside it.",
            number=number,
            role="assistant",
            hint="Keep one of them.",
        )
    return (Thinking(encodable(told[0])), *pieces)


def _joined(parts: Sequence[Any]) -> str | None:
    texts = [part.get("text") if isinstance(part, Mapping) and part.get("type") == "text" else None for part in parts]
    known = [text for text in texts if isinstance(text, str)]
    return "".join(known) if len(known) == len(texts) else None
