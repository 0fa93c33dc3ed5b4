"""A person's own meter: what was spent, by day and notebook, in one file a month. No question, no reply, no key.

A reply is one line of JSON, appended in one write, so that several kernels can write at once. What cannot be written
or read is left out: a meter never breaks a cell.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from magistral_nb.metering import Spending
from magistral_nb.scrubbing import scrub

UNKNOWN: Final = "unknown"
"""The notebook of what was asked outside of one, or in one whose name nobody tells."""
_MOST_TOKENS: Final = 10**12
_LONGEST_NAME: Final = 200
_LONGEST_LINE: Final = 4096


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: when, in which notebook, and what."""

    day: date
    notebook: str
    spending: Spending


@dataclass(frozen=True, slots=True)
class Month:
    """What a month's file holds; `damaged` counts the lines that could not be read, `problem` says why none could."""

    entries: list[Entry]
    damaged: int = 0
    problem: str = ""


def meter_path(day: date) -> Path | None:
    """Return the file of a day's month, or None where a person has no folder for such files."""
    from platformdirs import user_state_path

    try:
        folder = user_state_path("magistral_nb", appauthor=False)
    except RuntimeError:  # a container's user may have no home; older platformdirs return "~" as it is
        return None
    return folder / "meter" / f"{day:%Y-%m}.jsonl" if folder.is_absolute() else None


def write_down(spending: Spending, *, day: date | None = None) -> None:
    """Append one reply to this month's file. Where that cannot be done, nothing happens."""
    if sys.is_finalizing():  # Python ends, and a reply that nobody read to its end with it; nothing can be imported now
        return
    day = day or date.today()
    try:
        path = meter_path(day)
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Not blocking, so that a pipe in the place of the file stops nobody.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0)
        file = os.open(path, flags, 0o600)
    except (OSError, ValueError):
        return
    try:
        os.write(file, _line(spending, day))
    except OSError:
        return
    finally:
        os.close(file)


def read_month(day: date) -> Month:
    """Return what is written down for a day's month."""
    path = meter_path(day)
    if path is None or not path.exists():
        return Month([])
    if not path.is_file():
        return Month([], problem=f"{path} is no file")
    entries: list[Entry] = []
    damaged = 0
    try:
        with path.open("rb") as file:
            for line in iter(lambda: file.readline(_LONGEST_LINE), b""):
                entry = _entry(line)
                damaged += entry is None and not line.isspace()
                entries += [entry] if entry else []
    except OSError as error:
        return Month(entries, damaged, f"{path} cannot be read: {error.strerror or error}")
    return Month(entries, damaged)


def entries_of(entries: list[Entry], day: date) -> Iterator[Spending]:
    """Return the spendings of one day."""
    return (entry.spending for entry in entries if entry.day == day)


def notebook_name() -> str:
    """Return the file name of the notebook that runs, without its folder. Jupyter and VS Code tell it."""
    main = getattr(sys.modules.get("__main__"), "__dict__", {})
    told = (main.get("__vsc_ipynb_file__"), main.get("__session__"), os.environ.get("JPY_SESSION_NAME"))
    path = next((name for name in told if isinstance(name, str) and name), UNKNOWN)
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2][:_LONGEST_NAME] or UNKNOWN


def _line(spending: Spending, day: date) -> bytes:
    told = {
        "day": day.isoformat(),
        "notebook": notebook_name(),
        "endpoint": spending.endpoint[:_LONGEST_NAME],
        "model": spending.model[:_LONGEST_NAME],
        "prompt": spending.prompt_tokens,
        "completion": spending.completion_tokens,
        "usd": spending.usd,
        "estimated": spending.estimated,
    }
    return scrub(json.dumps(told)).encode("utf-8") + b"\n"


def _entry(line: bytes) -> Entry | None:
    """Read a line. Behind one that was cut off, as on a full disk, the next stands in the same line."""
    for text in (line, line[line.rfind(b"{") :]):
        try:
            return _read(json.loads(text))
        except (ValueError, TypeError, KeyError, RecursionError):
            continue
    return None


def _read(told: Any) -> Entry:
    usd = told["usd"]
    if usd is not None and not 0 <= float(usd) < math.inf:
        raise ValueError
    spending = Spending(
        str(told["endpoint"]),
        str(told["model"]),
        _tokens(told["prompt"]),
        _tokens(told["completion"]),
        None if usd is None else float(usd),
        told.get("estimated") is True,
    )
    return Entry(date.fromisoformat(told["day"]), str(told["notebook"]), spending)


def _tokens(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST_TOKENS:
        raise ValueError
    return value
