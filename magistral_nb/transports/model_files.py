"""Which files a user's `model="…"` means: one file, the one model of a folder, or the parts of a split one."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from magistral_nb.errors import ConfigurationError

_PART = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf")
_MOST_PARTS = 1_000
_HOW = "Give the path of a GGUF file, such as model='~/models/Magistral-Small-2509-Q4_K_M.gguf'."


def find_model(model: str) -> tuple[Path, ...]:
    """Return the files of a model, the first one first; `model` is a file or a folder with one model in it.

    Raises ConfigurationError if there is no such file, if a part is missing, or if a folder holds none or several.
    """
    try:
        path = Path(model).expanduser().absolute()
        if path.is_dir():
            path = _only_model_in(path)
        if not path.is_file():
            raise _missing(path)
    except (OSError, ValueError, RuntimeError) as error:  # a name too long, with a null in it, or of no such user
        raise ConfigurationError(f"{model!r} cannot be the path of a model file: {error}.", hint=_HOW) from None
    return _parts(path)


def models_in(folder: Path) -> list[Path]:
    """Return the models in a folder: GGUF files, less later parts and the parts that see pictures."""
    files = sorted(folder.glob("*.gguf"))
    return [file for file in files if not _is_later_part(file) and "mmproj" not in file.name.lower()]


def _only_model_in(folder: Path) -> Path:
    models = models_in(folder)
    if len(models) == 1:
        return models[0]
    if models:
        raise ConfigurationError(f"{folder} holds more than one model: {_listed(models)}.", hint="Name one of them.")
    raise ConfigurationError(f"{folder} holds no GGUF file.", hint=_HOW)


def _missing(path: Path) -> ConfigurationError:
    if not path.parent.is_dir():
        return ConfigurationError(f"There is no model file {path}: there is no such folder.", hint=_HOW)
    near = models_in(path.parent)
    close = difflib.get_close_matches(path.name, [file.name for file in near], n=1)
    if close:
        return ConfigurationError(f"There is no model file {path}.", hint=f"Did you mean {close[0]}?")
    hint = f"In that folder are: {_listed(near)}." if near else _HOW
    return ConfigurationError(f"There is no model file {path}.", hint=hint)


def _listed(files: list[Path]) -> str:
    return ", ".join(file.name for file in files[:5]) + (" …" if len(files) > 5 else "")


def _is_later_part(file: Path) -> bool:
    found = _PART.fullmatch(file.name)
    return found is not None and int(found["number"]) != 1


def _parts(path: Path) -> tuple[Path, ...]:
    """Return all parts of a split model, whichever of them was named; one file is its only part."""
    found = _PART.fullmatch(path.name)
    if not found:
        return (path,)
    count = int(found["count"])
    if not 1 <= count <= _MOST_PARTS:
        raise ConfigurationError(f"{path} says that it is one of {count:,} parts.", hint="Download it again.")
    parts = [path.with_name(f"{found['stem']}-{n:05}-of-{count:05}.gguf") for n in range(1, count + 1)]
    missing = [part for part in parts if not part.is_file()]
    if missing:
        raise ConfigurationError(
            f"{path.name} is one of {count} parts, and {_listed(missing)} is not there.",
            hint=f"Put all parts into {path.parent}.",
        )
    return tuple(parts)
