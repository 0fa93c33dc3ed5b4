"""Where the journal's files are, who may read them, and how long they stay."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

DAYS: Final = 7
"""What nobody recovered is removed after this time, in days."""
_ENDING: Final = ".jsonl"
_NOFOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)  # Windows has none, and no links that anybody may make
_numbers = itertools.count(1)


def journal_folder() -> Path:
    """Return the folder of the journal, below the one in which programs keep a user's data."""
    from platformdirs import user_data_path

    return user_data_path("magistral_nb", appauthor=False) / "journal"


def create(first: bytes) -> Path:
    """Make a new file that only its owner can read, and return its path. Raises OSError."""
    folder = journal_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.getpid()}-{next(_numbers)}{_ENDING}"
    _write(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW, 0o600), first)
    return path


def append(path: Path, more: bytes) -> None:
    """Add to a file. No file stays open, however many replies are on their way. Raises OSError."""
    _write(os.open(path, os.O_WRONLY | os.O_APPEND | _NOFOLLOW), more)
    if not more:
        os.utime(path)  # a sign of life


def files() -> list[Path]:
    """Return the files of the journal, the newest first."""
    return sorted(_regular_files(), reverse=True)


def remove_old(*, now: float | None = None) -> None:
    """Remove what nobody recovered in time."""
    oldest = (time.time() if now is None else now) - DAYS * 24 * 3600
    for path in _regular_files():
        with suppress(OSError):
            if path.stat().st_mtime < oldest:
                path.unlink()


def _regular_files() -> Iterator[Path]:
    with suppress(OSError):
        yield from (path for path in journal_folder().glob(f"*{_ENDING}") if path.is_file() and not path.is_symlink())


def _write(descriptor: int, data: bytes) -> None:
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    finally:
        os.close(descriptor)
