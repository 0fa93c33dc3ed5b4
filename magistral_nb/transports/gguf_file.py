"""What a model's GGUF files say of it: how large it is, what it is called, how it is spelled."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from magistral_nb.engine_options import Kv
from magistral_nb.errors import ConfigurationError
from magistral_nb.revisions import NEWEST_COMMON, REVISIONS, revision_of
from magistral_nb.transports.gguf_header import USER_DEFINED, Header, check_gguf, read_header

__all__ = ["KV_BYTES", "GgufFile", "check_gguf", "read_gguf"]

KV_BYTES: Mapping[Kv, float] = {"f16": 2.0, "q8_0": 34 / 32}
"""Bytes for one number in the cache; q8_0 keeps 32 of them in 34 bytes."""
_IS_NO_MODEL = {
    "mmproj": "the part of a model that sees pictures (mmproj)",
    "adapter": "an adapter (LoRA)",
    "imatrix": "statistics for making a model smaller (imatrix)",
}
# User-defined words are mostly plain ones, such as runs of line breaks: only what looks like a sign counts.
_LOOKS_LIKE_A_SIGN = re.compile(r"<\|.*\|>|</?(think|tool_call|tool_response)>|\[/?[A-Z_]+\]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class GgufFile:
    """What the headers of a model's files say.

    paths : its files, the first one first. size : of all of them, in bytes.
    context : the window that the model was trained with, in tokens. layers : its blocks, one on top of another.
    kv_numbers : how many numbers the cache holds for each token. width, inner_width : of its layers, in numbers.
    template : its own chat template. None stands for what the file does not say.
    controls : the vocabulary's words that steer the model, which must not be written by people.
    """

    paths: tuple[Path, ...]
    size: int
    architecture: str
    names: tuple[str, ...]
    context: int | None
    layers: int | None
    kv_numbers: int | None
    width: int
    inner_width: int
    vocabulary: int
    template: str | None
    controls: tuple[str, ...]

    def cache_bytes(self, n_ctx: int, kv: Kv) -> int:
        """Return how large the cache for a window of `n_ctx` tokens is; 0 if the file does not say enough."""
        return int((self.kv_numbers or 0) * n_ctx * KV_BYTES[kv])

    def window(self, asked: int | None, *, default: int) -> int:
        """Return the window to load it with, in tokens. Raises ConfigurationError for one it was not trained for."""
        if asked is None:
            return min(default, self.context or default)
        if self.context is not None and asked > self.context:
            raise ConfigurationError(
                f"n_ctx is {asked:,}, and {self.paths[0].name} was trained with a window of {self.context:,} tokens.",
                hint=f"Say n_ctx={self.context} or less.",
            )
        return asked

    @property
    def revision(self) -> str | None:
        """Which Magistral Small it is, by its file's name, its own name, and its vocabulary; None if it is none."""
        name = " ".join(self.names).replace("/", " ")
        if "magistral" not in name.lower():
            return None
        told = revision_of(name)
        if told != NEWEST_COMMON or NEWEST_COMMON in name or re.search(r"(?<![\d.])1\.1(?![\d.])", name):
            return told
        return NEWEST_COMMON if "[THINK]" in self.controls else REVISIONS[0]


def read_gguf(paths: tuple[Path, ...]) -> GgufFile:
    """Return what the headers of a model's files say; what was read is kept until a file changes.

    Raises ConfigurationError for a file that is no GGUF, incomplete, of a version that llama.cpp does not read, or no
    language model.
    """
    for path in paths:
        check_gguf(path)
    stats = [path.stat() for path in paths]
    return _read(paths, tuple((stat.st_mtime_ns, stat.st_size, stat.st_ino) for stat in stats))


@lru_cache(maxsize=16)
def _read(paths: tuple[Path, ...], stamps: tuple[tuple[int, int, int], ...]) -> GgufFile:
    headers = [read_header(path) for path in paths]
    first = headers[0].entries
    _refuse_what_is_no_model(paths[0], first)
    if not any(header.tensors for header in headers):
        raise ConfigurationError(
            f"{paths[0]} holds a vocabulary and no weights.", hint="It is for tests of llama.cpp. Get the model itself."
        )
    architecture = str(first.get("general.architecture", "unknown"))
    facts = {key.removeprefix(f"{architecture}."): value for key, value in first.items()}
    named = [first.get(f"general.{key}") for key in ("name", "basename", "version")]
    return GgufFile(
        paths=paths,
        size=sum(size for _, size, _ in stamps),
        architecture=architecture,
        names=(paths[0].stem, *(text for name in named if (text := _text(name)))),
        context=_number(facts.get("context_length")),
        layers=_number(facts.get("block_count")),
        kv_numbers=_kv_numbers(facts),
        width=_number(facts.get("embedding_length")) or 0,
        inner_width=_most(facts.get("feed_forward_length")) or 0,
        vocabulary=headers[0].vocabulary,
        template=_text(first.get("tokenizer.chat_template")),
        controls=_controls(headers[0]),
    )


def _controls(header: Header) -> tuple[str, ...]:
    return tuple(
        token
        for token, kind in header.special_tokens
        if len(token) > 1 and (kind != USER_DEFINED or _LOOKS_LIKE_A_SIGN.fullmatch(token))
    )


def _refuse_what_is_no_model(path: Path, entries: Mapping[str, Any]) -> None:
    kind = "mmproj" if entries.get("general.architecture") == "clip" else entries.get("general.type", "model")
    if kind != "model":
        what = _IS_NO_MODEL.get(str(kind), f"of the kind {kind!r}")
        raise ConfigurationError(f"{path} is {what}, and no language model.", hint="Name the model's own file.")


def _kv_numbers(facts: Mapping[str, Any]) -> int | None:
    """Return the numbers that the cache holds for a token: a key and a value for each head that keeps its own."""
    layers, heads = _number(facts.get("block_count")), _most(facts.get("attention.head_count"))
    kept = facts.get("attention.head_count_kv", heads)
    width = _number(facts.get("embedding_length"))
    each = width // heads if width and heads else None
    key, value = (_number(facts.get(f"attention.{name}_length", each)) for name in ("key", "value"))
    if not (layers and key and value):
        return None
    if isinstance(kept, list):
        kept_in_all = sum(number for number in kept[:layers] if _number(number))
    else:
        kept_in_all = layers * (_number(kept) or 0)
    return kept_in_all * (key + value) or None


def _most(value: object) -> int | None:
    if isinstance(value, list):
        return max((number for one in value if (number := _number(one))), default=None)
    return _number(value)


def _number(value: object) -> int | None:
    """Return a count that can be meant; files may say anything."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**40 else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
