"""What one chunk says, as text and no more: for counting, where it does not matter what of it is thinking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from magistral_nb.dialects.parts import THINKING_FIELDS, content_pieces, thinking_text


def text_of(chunk: Mapping[str, Any]) -> str:
    """Return the text that a chunk brings: thinking once, though two fields may tell it, answer, and calls."""
    choices = chunk.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    said = (choice.get("delta") or choice.get("message")) if isinstance(choice, dict) else None
    if not isinstance(said, dict):
        return ""
    thinking = next((text for name in THINKING_FIELDS if name in said and (text := thinking_text(said[name]))), "")
    content = said.get("content")
    if isinstance(content, list | dict):
        content = "".join(text for _, text in content_pieces(content if isinstance(content, list) else [content]))
    calls = said.get("tool_calls")
    called = "".join(map(_text_of_call, calls)) if isinstance(calls, list) else ""
    return thinking + (content if isinstance(content, str) else "") + called


def _text_of_call(call: object) -> str:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        return ""
    return "".join(part for name in ("name", "arguments") if isinstance(part := function.get(name), str))
