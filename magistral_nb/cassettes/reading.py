"""A cassette is read: JSON lines and nothing else, and never more than a computer can hold."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from magistral_nb.cassettes.format import Recording, from_lines
from magistral_nb.errors import ConfigurationError, TooLargeError
from magistral_nb.file_names import has_ending, named_file

SUFFIX: Final = ".jsonl"
LARGEST_FILE: Final = 128 * 2**20
"""In bytes; a lesson has less than one hundredth of it."""
LONGEST_LINE: Final = 16 * 2**20
"""In bytes: a chunk, or a request with a long document in it."""

_NO_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)  # a pipe would wait for its writer for ever


def cassette_path(path: str | os.PathLike[str]) -> Path:
    """Return the path of a cassette. Raises ConfigurationError for a name that no cassette has.

    Only `.jsonl` will do, for reading and for writing: so a name from a stranger's notebook can make no program file.
    """
    found = named_file(path)
    if not has_ending(found, SUFFIX):
        raise ConfigurationError(
            f"{str(path)!r} is no name for a cassette.",
            hint=f"It must end in {SUFFIX}: a cassette is a file of JSON lines, and nothing else is read or written.",
        )
    return found


def read_cassette(path: Path) -> list[Recording]:
    """Return what a file holds.

    Raises ConfigurationError if it is not there or damaged, and TooLargeError if it is huge.
    """
    try:
        return list(from_lines(lines_of(read_bytes(path), path.name), name=path.name))
    except OSError as error:
        raise ConfigurationError(
            f"The cassette {path} cannot be read ({error.strerror or type(error).__name__}).",
            hint="Is the path right, as seen from the notebook's folder? To make one, use record(…).",
        ) from error


def read_bytes(path: Path, *, follow: bool = True) -> bytes:
    """Return the bytes of an ordinary file of a bearable size. Raises OSError if it cannot be read."""
    flags = os.O_RDONLY | _NO_WAITING | (0 if follow else getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(os.open(path, flags), "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise ConfigurationError(f"{path} is no ordinary file.", hint="A cassette is a file of JSON lines.")
        if facts.st_size > LARGEST_FILE:
            raise _too_large(path.name, f"has more than {LARGEST_FILE // 2**20} MiB")
        return file.read(LARGEST_FILE + 1)


def lines_of(data: bytes, name: str) -> Iterator[bytes]:
    """Yield lines, cut at line feeds only: text may hold other signs that some take for the end of a line."""
    for line in io.BytesIO(data):
        if len(line) > LONGEST_LINE:
            raise _too_large(name, f"has a line of more than {LONGEST_LINE // 2**20} MiB")
        yield line


def _too_large(name: str, why: str) -> TooLargeError:
    return TooLargeError(f"The cassette {name} {why}.", hint="Record fewer questions into one file.")
