"""Writes the journal: one thread looks at every reply that is on its way, twice a second.

So a token costs nothing, and a reply that is over before the first look never makes a file. A journal that cannot be
written never stops a reply; `problem` says why.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from magistral_nb.errors import MagistralError
from magistral_nb.journal import files
from magistral_nb.journal.processes import this_process
from magistral_nb.replies import Reply
from magistral_nb.scrubbing import scrub

PERIOD = 0.5
"""The time between two looks at a reply, in seconds."""
QUESTION_CHARACTERS = 2000
"""So much of the question stands beside the reply."""


@dataclass(frozen=True, slots=True)
class Note:
    """What the journal says of a question, beside what the reply itself knows."""

    question: str


@dataclass
class _Entry:
    """One reply on its way, and what of it has been written."""

    reply: Reply
    note: Note
    path: Path | None = None
    thinking: str = ""
    answer: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)
    given_up: bool = False

    def write(self, *records: dict[str, Any]) -> None:
        """Append what is new, and then the records."""
        lines = [*self._new_text(), *records]
        data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        if self.path is not None:
            files.append(self.path, data)
        elif data:
            files.remove_old()
            self.path = files.create(json.dumps(self._heading()).encode() + b"\n" + data)

    def remove(self) -> None:
        """Take the file away: the reply is in other hands."""
        if self.path is not None:
            with suppress(OSError):
                self.path.unlink()

    def _heading(self) -> dict[str, Any]:
        return {
            "v": 1,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "process": this_process(),
            "model": self.reply.model,
            "endpoint": self.reply.endpoint,
            "question": scrub(self.note.question)[:QUESTION_CHARACTERS],
        }

    def _new_text(self) -> list[dict[str, Any]]:
        thinking, answer = self.reply.thinking, self.reply.answer
        anew = not (thinking.startswith(self.thinking) and answer.startswith(self.answer))
        if anew:  # what was taken for the answer was thinking
            self.thinking = self.answer = ""
        told = {"thinking": thinking[len(self.thinking) :], "answer": answer[len(self.answer) :]}
        self.thinking, self.answer = thinking, answer
        return ([{"anew": True}] if anew else []) + [{name: scrub(text)} for name, text in told.items() if text]


class _Keeper:
    """Looks after all replies of this process. Its thread lives as long as there are any."""

    def __init__(self) -> None:
        self.problem = ""
        self._entries: list[_Entry] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, entry: _Entry) -> None:
        with self._lock:
            self._entries.append(entry)
            if self._thread is None or not self._thread.is_alive():  # it is not alive in a forked process
                self._thread = threading.Thread(
                    target=self._look_again_and_again, name="magistral_nb journal", daemon=True
                )
                self._thread.start()

    def end(self, entry: _Entry, *, why: str | None) -> None:
        """Remove the file of a reply; or keep it, with the reason, if the reply was cut off by more than its reader."""
        with self._lock:
            self._entries.remove(entry)
        with entry.lock:
            if why is None:
                entry.remove()
            elif entry.path is not None:
                self._write(entry, {"ended": scrub(why)})

    def _look_again_and_again(self) -> None:
        while True:
            time.sleep(PERIOD)
            with self._lock:
                entries = list(self._entries)
                if not entries:
                    self._thread = None
                    return
            for entry in entries:
                with entry.lock:
                    if entry in self._entries:
                        self._write(entry)

    def _write(self, entry: _Entry, *records: dict[str, Any]) -> None:
        if entry.given_up:
            return
        try:
            entry.write(*records)
        except OSError as error:
            entry.given_up = True
            self.problem = f"the journal could not be written: {error.strerror or error}"


_keeper = _Keeper()


def problem() -> str:
    """Return why the journal could not be written, or an empty text."""
    return _keeper.problem


class Journal:
    """The journal of one question: `begin` when its reply is known."""

    def __init__(self) -> None:
        self._entry: _Entry | None = None

    def begin(self, reply: Reply, note: Note | None) -> None:
        """Keep a reply from here on; without a note, keep nothing."""
        if note is not None and self._entry is None:
            self._entry = _Entry(reply, note)
            _keeper.add(self._entry)

    def end(self, why: str | None) -> None:
        """Stop. `why` says what cut the reply off; None removes what was written."""
        if self._entry is not None:
            _keeper.end(self._entry, why=why)


@contextmanager
def journal() -> Iterator[Journal]:
    """Keep the reply of a question while it is asked.

    A reply that ends in order, or that its reader or its task stops, is in other hands. An error may end the program,
    and so may an interrupt: then the file stays.
    """
    kept = Journal()
    why: str | None = None
    try:
        yield kept
    except MagistralError as error:
        why = f"{type(error).__name__}: {error.message}"
        raise
    except KeyboardInterrupt:
        why = "Interrupted by you."
        raise
    finally:
        kept.end(why)
