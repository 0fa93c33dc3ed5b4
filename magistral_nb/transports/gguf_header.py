"""The header of a GGUF file, read front to back: nothing in it is trusted, and its weights are not read.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. The package `gguf` reads it too; it brings numpy
and three more packages, and makes an object of every token.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from magistral_nb.errors import ConfigurationError

NEWEST_VERSION = 3
"""Versions 2 and 3 are in use; llama.cpp reads no other."""
SPECIAL_KINDS = (2, 3, 4)
"""Kinds of tokens that are found in a text before it is cut into words: unknown, control and user-defined ones."""
USER_DEFINED = 4

_MOST_ENTRIES = 100_000
_MOST_TEXTS = 4_000_000
_LONGEST_NAME = 65_535
_LONGEST_LIST = 4_096
_LONGEST_TEXT = 4 * 1024 * 1024
_LONGEST_TOKEN = 1_024
_MOST_SPECIAL_TOKENS = 20_000

_TOKENS, _KINDS = "tokenizer.ggml.tokens", "tokenizer.ggml.token_type"
_STRING, _ARRAY = 8, 9
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_LENGTH = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class Header:
    """What stands before the weights. Long lists are left out of `entries`; `tensors` counts the weights' tables.

    special_tokens : the vocabulary's words that are no text, and the kind of each.
    """

    entries: Mapping[str, Any]
    tensors: int
    vocabulary: int
    special_tokens: tuple[tuple[str, int], ...]


def read_header(path: Path) -> Header:
    """Return the header of a GGUF file. Raises ConfigurationError if it is none, or damaged, or cannot be read."""
    check_gguf(path)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        reader = _Reader(data)
        try:
            return _header(path, reader)
        except (struct.error, ValueError, IndexError, OverflowError) as error:
            raise _incomplete(path, f"its header makes no sense at byte {min(reader.at, reader.size):,}") from error


def check_gguf(path: Path) -> None:
    """Raise ConfigurationError unless the file begins as every GGUF file does."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise ConfigurationError(f"The model file {path} cannot be read: {error.strerror}.") from error
    if magic != b"GGUF":
        raise ConfigurationError(
            f"{path} is not a GGUF model: it does not begin with the letters GGUF.",
            hint="llama.cpp reads GGUF files only. A web page that was saved in its place looks so.",
        )


def _header(path: Path, reader: _Reader) -> Header:
    reader.skip(4)
    _check_version(path, reader.number("I"))
    tensors, count = reader.number("Q"), reader.number("Q")
    entries, spans = {}, {}
    for _ in range(reader.sane(count, _MOST_ENTRIES)):
        key, kind = reader.string(_LONGEST_NAME), reader.number("I")
        spans[key] = reader.at
        entries[key] = reader.value(kind)
    last = 0
    for _ in range(reader.sane(tensors, _MOST_ENTRIES)):
        reader.skip_strings(1)
        reader.skip(8 * reader.sane(reader.number("I"), 8) + 4)  # its shape and its type
        last = max(last, reader.number("Q"))
    if tensors and reader.at + last >= reader.size:
        raise _incomplete(path, "its last weights are missing")
    vocabulary, special = reader.special_tokens(spans[_TOKENS], spans[_KINDS]) if _has_vocabulary(spans) else (0, ())
    return Header(entries, tensors, vocabulary, special)


def _has_vocabulary(spans: Mapping[str, int]) -> bool:
    return _TOKENS in spans and _KINDS in spans


def _check_version(path: Path, version: int) -> None:
    if version & 0xFFFF == 0:
        raise ConfigurationError(f"{path} was made for machines with another byte order.", hint="Get another file.")
    if version > NEWEST_VERSION:
        raise ConfigurationError(
            f"{path} is of GGUF version {version}, and this package knows up to {NEWEST_VERSION}.",
            hint="pip install --upgrade magistral_nb xllamacpp",
        )
    if version < 2:
        raise ConfigurationError(
            f"{path} is of GGUF version {version}, which llama.cpp reads no more.", hint="Get a newer file."
        )


def _incomplete(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path} is incomplete or damaged: {why}.",
        hint=f"It has {path.stat().st_size:,} bytes. Compare that with the page it comes from, and download it again.",
    )


class _Reader:
    """Reads a header front to back. Raises struct.error at the end of the file, and ValueError for absurd counts."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self.size = len(data)
        self.at = 0

    def number(self, code: str) -> Any:
        form = f"<{code}"
        (value,) = struct.unpack_from(form, self._data, self.at)
        self.at += struct.calcsize(form)
        return value

    def skip(self, count: int) -> None:
        self.at += count
        if self.at > self.size:
            raise ValueError("beyond the end")

    def sane(self, count: int, most: int) -> int:
        if count > most:
            raise ValueError("absurd count")
        return count

    def string(self, longest: int) -> str:
        length = self.sane(self.number("Q"), longest)
        start = self.at
        self.skip(length)
        return self._data[start : self.at].decode("utf-8", "replace")

    def skip_strings(self, count: int) -> None:
        at, data, unpack = self.at, self._data, _LENGTH.unpack_from
        for _ in range(self.sane(count, _MOST_TEXTS)):  # a tight loop: vocabularies hold half a million
            at += 8 + unpack(data, at)[0]
        self.at = at
        self.skip(0)

    def value(self, kind: int) -> Any:
        """Return a number, a text, or a short list of numbers; None for what is longer."""
        if kind == _STRING:
            return self.string(_LONGEST_TEXT)
        if kind != _ARRAY:
            return self.number(_NUMBERS[kind]) if kind in _NUMBERS else self._unknown(kind)
        kind, count = self.number("I"), self.number("Q")
        self.sane(count, self.size)
        if kind == _STRING:
            self.skip_strings(count)
            return None
        form = f"<{count}{_NUMBERS[kind] if kind in _NUMBERS else self._unknown(kind)}"
        start = self.at
        self.skip(struct.calcsize(form))
        return list(struct.unpack_from(form, self._data, start)) if count <= _LONGEST_LIST else None

    def special_tokens(self, tokens_at: int, kinds_at: int) -> tuple[int, tuple[tuple[str, int], ...]]:
        """Return how many words the vocabulary has, and those of the special kinds; both lists were read before."""
        self.at = kinds_at
        kind, count = self.number("I"), self.sane(self.number("Q"), _MOST_TEXTS)
        kinds = struct.unpack_from(f"<{count}{_NUMBERS[kind]}", self._data, self.at)
        self.at = tokens_at
        if self.number("I") != _STRING:
            raise ValueError("tokens that are no texts")
        count = min(count, self.number("Q"))
        found = list(self._of_special_kinds(kinds[:count]))
        self.sane(len(found), _MOST_SPECIAL_TOKENS)
        return count, tuple(found)

    def _of_special_kinds(self, kinds: tuple[int, ...]) -> Iterator[tuple[str, int]]:
        at = self.at
        for kind in kinds:
            length = _LENGTH.unpack_from(self._data, at)[0]
            if kind in SPECIAL_KINDS and 0 < length <= _LONGEST_TOKEN:
                yield self._data[at + 8 : at + 8 + length].decode("utf-8", "replace"), kind
            at += 8 + length

    def _unknown(self, kind: int) -> str:
        raise ValueError(f"unknown type {kind}")
