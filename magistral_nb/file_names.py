"""Names of files as people, and notebooks of strangers, give them: refused in words where no file can have them."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path

from magistral_nb.errors import ConfigurationError

AnyPath = str | PathLike[str]
_HINT = "Write the name anew: it may have been copied from a text that holds what cannot be seen."


def named_file(path: AnyPath) -> Path:
    """Return the path of a name, `~` filled in. Raises ConfigurationError for a name that no file can have."""
    name = os.fspath(path)
    if "\0" in name:
        raise ConfigurationError(f"{name!r} is no name for a file: it holds a zero byte.", hint=_HINT)
    try:
        os.fsencode(name)
    except UnicodeEncodeError as error:
        raise ConfigurationError(f"{name!r} is no name for a file: it holds half a character.", hint=_HINT) from error
    try:
        return Path(name).expanduser()
    except RuntimeError as error:  # ~nobody, or a container's user with no home
        raise ConfigurationError(
            f"{name!r}: nobody knows the folder that ~ stands for.", hint="Write the folder out."
        ) from error


def has_ending(path: Path, ending: str) -> bool:
    """Say whether a name ends as its kind of file does, such as ".json"; `.json` alone is no such name."""
    return path.suffix.lower() == ending
