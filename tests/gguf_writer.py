"""GGUF files by hand: headers as files have them, and as no file should."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

Value = str | int | float | bool | list[str] | list[int]

NORMAL, UNKNOWN, CONTROL, USER_DEFINED = 1, 2, 3, 4
_TURNS = "{%- for m in messages -%}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{%- endfor -%}"
PLAIN_TEMPLATE = _TURNS + "<|im_start|>assistant\n"


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def typed(value: Value) -> bytes:
    """A value with its type before it."""
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + text(value)
    head = struct.pack("<IIQ", 9, 8 if value and isinstance(value[0], str) else 5, len(value))
    return head + b"".join(text(one) if isinstance(one, str) else struct.pack("<i", one) for one in value)


def header(
    entries: Mapping[str, Value], *, tensors: int = 1, version: int = 3, counted: int | None = None, weights: int = 64
) -> bytes:
    """A whole file: a header, tables of `tensors` weights, and the weights, in bytes."""
    start = b"GGUF" + struct.pack("<IQQ", version, tensors, len(entries) if counted is None else counted)
    body = b"".join(text(key) + typed(value) for key, value in entries.items())
    tables = b"".join(text(f"t{n}") + struct.pack("<IQIQ", 1, 8, 0, 32 * n) for n in range(tensors))
    return start + body + tables + bytes(weights)


def magistral(**more: Value) -> dict[str, Value]:
    """What the header of a Magistral says of its shape, with a vocabulary of six words."""
    words, kinds = vocabulary("<s>", "</s>", "[INST]", "[THINK]", "[/THINK]")
    return {
        "general.architecture": "llama",
        "general.name": "Magistral Small 2509",
        "llama.block_count": 40,
        "llama.context_length": 131_072,
        "llama.embedding_length": 5_120,
        "llama.feed_forward_length": 32_768,
        "llama.attention.head_count": 32,
        "llama.attention.head_count_kv": 8,
        "llama.attention.key_length": 128,
        "llama.attention.value_length": 128,
        "tokenizer.ggml.tokens": words,
        "tokenizer.ggml.token_type": kinds,
        "tokenizer.chat_template": PLAIN_TEMPLATE,
        **{key.replace("__", "."): value for key, value in more.items()},
    }


def vocabulary(*controls: str, ordinary: Sequence[str] = ("hello",)) -> tuple[list[str], list[int]]:
    return [*ordinary, *controls], [NORMAL] * len(ordinary) + [CONTROL] * len(controls)


def write(path: Path, data: bytes) -> tuple[Path, ...]:
    path.write_bytes(data)
    return (path,)
