"""The text of a settings file, and whether anybody else may read it: only then may a key stand in it."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final, NamedTuple

from magistral_nb.errors import ConfigurationError

MOST_BYTES: Final = 1024 * 1024
"""No settings file is larger."""


class FileText(NamedTuple):
    """What stands in a file, and why others may read it; "" if nobody else may."""

    text: str
    exposed: str


def read_text(path: Path, *, hint: str) -> FileText:
    """Return the text of a file. Raises ConfigurationError, with this hint, for what cannot be read as a text."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ConfigurationError(f"{path} is no file.", hint=hint)
        with path.open("rb") as file:
            facts = os.fstat(file.fileno())
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}.", hint=hint) from None
    if len(data) > MOST_BYTES:
        raise ConfigurationError(f"{path} is larger than {MOST_BYTES // 1024} KiB.", hint=hint)
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"{path}, line {line}: this is not UTF-8.", hint="Save the file as UTF-8 in your editor."
        ) from None
    return FileText(text, _exposed(path, facts))


def _exposed(path: Path, facts: os.stat_result) -> str:
    """Return why others may read a file, in words that go on "this file holds a key, and …"."""
    if os.name == "nt":  # the mode says nothing there; what stands below a person's own folder is closed to others
        return "" if path.is_relative_to(Path.home()) else "it stands where others may read it"
    if facts.st_mode & 0o077:
        return "others on this machine may read or change it"
    return "" if facts.st_uid in (os.geteuid(), 0) else "it belongs to another user"
