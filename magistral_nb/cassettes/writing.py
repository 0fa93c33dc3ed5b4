"""A cassette is written: each exchange whole, behind those that are there, also when many write at once.

Under a lock the file is written anew beside the old one and takes its place, so that no reader ever sees half a line,
and a program that dies leaves the old file. A link is never followed: what it points to is somebody else's.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from magistral_nb.cassettes.format import Recording, from_lines, to_lines
from magistral_nb.cassettes.reading import LARGEST_FILE, lines_of, read_bytes, read_cassette
from magistral_nb.errors import ConfigurationError, TooLargeError

PATIENCE: Final = 60.0
"""How long to wait for others who write to the same file, in seconds."""
LOOK_AGAIN: Final = 0.01
"""How often to look whether they are done, in seconds."""


def prepare(path: Path, *, anew: bool) -> int:
    """Make sure that a file can be recorded into; return how many exchanges it holds. `anew` empties it.

    Raises ConfigurationError for a link, for a file that is no cassette, and for a folder that cannot be written to.
    """
    try:
        _refuse_link(path)
        there = len(read_cassette(path)) if path.exists() else 0
        with _lock(path):
            if anew or not path.exists():
                _put(path, b"")
    except OSError as error:
        raise ConfigurationError(
            f"The cassette {path} cannot be written ({error.strerror or type(error).__name__}).",
            hint="Name a file in a folder that is there and that you may write to.",
        ) from error
    return 0 if anew else there


def append(path: Path, recording: Recording) -> None:
    """Add one exchange. Raises OSError, ConfigurationError or TooLargeError if it cannot be written."""
    lines = to_lines(recording)
    _refuse_unreadable(path, lines)
    with _lock(path):
        _refuse_link(path)
        there = read_bytes(path, follow=False) if path.exists() else b""
        if there and not there.endswith(b"\n"):  # written by hand
            there += b"\n"
        if len(there) + len(lines) > LARGEST_FILE:
            raise TooLargeError(f"The cassette {path.name} is full.", hint="Record into another file.")
        _put(path, there + lines)


def _refuse_unreadable(path: Path, lines: bytes) -> None:
    """What would be refused when it is read is not written."""
    for _ in from_lines(lines_of(lines, path.name), name=path.name):
        pass


def _refuse_link(path: Path) -> None:
    if path.is_symlink():
        raise ConfigurationError(
            f"{path} is a link to another file, which is not overwritten.",
            hint="Name the file itself, or another one.",
        )


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    os.stat(path.parent)  # FileLock would make the folder, also one that was only misspelled
    try:
        with FileLock(path.with_name(f".{path.name}.lock"), timeout=PATIENCE, poll_interval=LOOK_AGAIN):
            yield
    except Timeout as error:
        raise TimeoutError(f"others have been writing to it for {PATIENCE:.0f} s") from error


def _put(path: Path, data: bytes) -> None:
    """Write a file whole, with the rights of the one that it replaces, or those of any new file."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(beside, flags, 0o666), "wb") as file:
            file.write(data)
            file.flush()
            with suppress(OSError):
                os.chmod(beside, path.stat().st_mode & 0o777)
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
