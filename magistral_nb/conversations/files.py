"""Files that people name: written whole or not at all, read within bounds, and no link is followed."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from magistral_nb.errors import ConfigurationError, TooLargeError
from magistral_nb.file_names import AnyPath, has_ending, named_file

MOST_BYTES = 64 * 1024 * 1024
"""The largest file that is read; a conversation of a whole window has well below one of these 64 MiB."""
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)  # Windows has neither of the two
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)
_BYTES = getattr(os, "O_BINARY", 0)


def write_whole(path: AnyPath, text: str, *, ending: str) -> Path:
    """Write a text to a file, all of it or nothing, with the permissions of the file that it replaces.

    Its name must have the ending of its kind: so a name from a stranger's notebook can replace no program and no
    settings. Raises ConfigurationError if it has not, if the file is a link, or if it cannot be written.
    """
    target = named_file(path)
    with _told(target, "written"):
        _refuse_odd(target)
        if not has_ending(target, ending):
            raise ConfigurationError(
                f"{str(path)!r} does not end in {ending}, and nothing else is written.",
                hint=f"Name a file such as talk{ending}.",
            )
        beside = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.tmp")
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK | _BYTES, 0o666)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode("utf-8"))
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileNotFoundError):
                os.chmod(beside, stat.S_IMODE(target.stat().st_mode))
            os.replace(beside, target)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
    return target


def read_whole(path: AnyPath) -> bytes:
    """Return what a file holds.

    Raises ConfigurationError if it is a link or no file, and TooLargeError if it has more than `MOST_BYTES`.
    """
    source = named_file(path)
    with _told(source, "read"):
        _refuse_odd(source)
        with os.fdopen(os.open(source, os.O_RDONLY | _NO_LINK | _NO_WAIT | _BYTES), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ConfigurationError(f"{source} is no file.", hint="Name the file of a saved conversation.")
            data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise TooLargeError(
            f"{source} has more than {MOST_BYTES // 1024**2} MiB.", hint="No conversation is that long: is it the file?"
        )
    return data


def keep_copy(path: AnyPath, data: bytes) -> Path:
    """Write what a damaged file holds to a new file beside it, `NAME.bad`, and return its path."""
    source = named_file(path)
    for number in range(1, 1000):
        copy = source.with_name(f"{source.name}.bad{number if number > 1 else ''}")
        with _told(copy, "written"), suppress(FileExistsError), open(copy, "xb") as file:
            file.write(data)
            return copy
    raise ConfigurationError(f"There are too many {source.name}.bad files.", hint="Delete those you do not need.")


def _refuse_odd(path: Path) -> None:
    if path.is_symlink():
        raise ConfigurationError(
            f"{path} is a link, and links are not followed.", hint=f"Name the file itself: {os.path.realpath(path)}"
        )
    if path.exists() and not path.is_file():
        raise ConfigurationError(f"{path} is no file.", hint="Name a file, such as talk.json.")


@contextmanager
def _told(path: Path, done: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigurationError(
            f"{path} cannot be {done}: {reason}.", hint="Check the name, the folder and its permissions."
        ) from error
