"""What stands in the fields of a chunk: text, blocks with a type, or lists of them, as each server likes it."""

from __future__ import annotations

from collections.abc import Sequence

from magistral_nb.dialects.tags import Kind, Piece

THINKING_FIELDS = ("reasoning_content", "reasoning", "thinking", "thinking_blocks", "reasoning_details")
"""Where servers put thinking beside `content`, the plainest first: the same text often stands in two of them."""
_TEXT_KEYS = ("thinking", "text", "summary", "reasoning", "content")


def thinking_text(value: object) -> str:
    """Return the text of a thinking field: a string, a block with its text in one of five keys, or a list of blocks."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return next((thinking_text(value[key]) for key in _TEXT_KEYS if value.get(key)), "")
    return "".join(map(thinking_text, value)) if isinstance(value, list) else ""


def content_pieces(content: Sequence[object]) -> list[Piece]:
    """Return the parts of a content list that hold text; unknown kinds are left out."""
    pieces: list[Piece] = []
    for part in content:
        if isinstance(part, str):
            pieces.append((Kind.ANSWER, part))
        elif isinstance(part, dict):
            kind = part.get("type", "text")
            if kind == "text" and isinstance(part.get("text"), str):
                pieces.append((Kind.ANSWER, part["text"]))
            elif kind in ("thinking", "reasoning"):
                pieces.append((Kind.THINKING, thinking_text(part)))
    return [(kind, text) for kind, text in pieces if text]
