"""Reads the journal: which replies were cut off, and what of them had arrived. Only JSON is read, line by line."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from magistral_nb.events import Notice
from magistral_nb.journal import files
from magistral_nb.journal.processes import is_gone
from magistral_nb.replies import Reply

LARGEST = 512 * 1024 * 1024
"""A larger file was not written here: a reply has at most 64 MiB, for which JSON may need six times as much."""
SIGN_OF_LIFE = 15.0
"""A file that nobody has touched for this long belongs to a process that is gone, in seconds."""


@dataclass(frozen=True, slots=True)
class CutOff:
    """A reply that did not end in order. started : in UTC, as ISO writes it. why : what cut it off."""

    path: Path
    started: str
    question: str
    why: str
    reply: Reply


def cut_off_replies() -> list[CutOff]:
    """Return the replies that were cut off, the newest first. Those that still stream, here or elsewhere, are not."""
    files.remove_old()
    return [found for path in files.files() if (found := _read(path))]


def forget(replies: list[CutOff]) -> None:
    """Remove the files of these replies."""
    for one in replies:
        one.path.unlink(missing_ok=True)


def _read(path: Path) -> CutOff | None:
    """Return what a file holds; None if its reply is still on its way, or if it holds none."""
    heading: dict[str, Any] | None = None
    texts = {"thinking": [""], "answer": [""]}
    why = ""
    for record in _records(path):
        if heading is None:
            heading = record
        elif record.get("anew"):
            texts = {"thinking": [""], "answer": [""]}
        why = str(record.get("ended") or why)
        for name, pieces in texts.items():
            pieces.append(str(record.get(name) or ""))
    thinking, answer = ("".join(pieces) for pieces in texts.values())
    if heading is None or not (thinking or answer) or (not why and _is_on_its_way(heading, path)):
        return None
    why = why or "The process ended in the middle of the reply, such as a kernel that was restarted or killed."
    notice = Notice("recovered", f"Recovered from the journal, started {heading.get('started')}. {why}")
    told = {name: str(heading.get(name) or "") for name in ("model", "endpoint")}
    reply = Reply.from_dict({**told, "thinking": thinking, "answer": answer, "notices": [notice.to_dict()]})
    return CutOff(path, str(heading.get("started")), str(heading.get("question") or ""), why, reply)


def _records(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the good lines of a file: the last one may be torn."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > LARGEST:
                return
            for line in file:
                record = json.loads(line)
                if not isinstance(record, dict):
                    return
                yield record
    except (OSError, ValueError, RecursionError):
        return


def _is_on_its_way(heading: dict[str, Any], path: Path) -> bool:
    """Say whether a file is still being written: its process may live, and has given signs of life."""
    try:
        silent_for = time.time() - path.stat().st_mtime
    except OSError:
        return False
    process = heading.get("process")
    return silent_for < SIGN_OF_LIFE and not (isinstance(process, dict) and is_gone(process))
