"""What a page tells a kernel that is busy: it opens a comm on `magistral_nb.control`, and here it is heard.

Its messages come in another thread than the one that runs cells. Nothing is ever published on that comm: ipykernel
would then bring what the page says to the busy thread (see `shared/notes/frontend.md`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

TARGET = "magistral_nb.control"

Hear = Callable[[], None]


class Control:
    """Brings messages to the live reply they are for. Who is not running any more is not found, and hears nothing.

    `was_heard` says whether a page of this kernel has ever drawn a live reply; `is_deaf` whether one should have, and
    did not say so.
    """

    def __init__(self, shell: Any) -> None:
        self._comms = getattr(getattr(shell, "kernel", None), "comm_manager", None)
        self._opened_comms: list[Any] = []
        self._running: dict[str, Mapping[str, Hear]] = {}
        self.was_heard = self.is_deaf = False

    def listen(self) -> None:
        """Let pages open their comm from now on."""
        if self._comms is not None:
            self._comms.register_target(TARGET, self._opened)

    def close(self) -> None:
        """Listen no longer; a page then opens another comm, if somebody listens again."""
        for comm in self._opened_comms:
            comm.close()
        if self._comms is not None and TARGET in self._comms.targets:
            self._comms.unregister_target(TARGET, self._opened)

    def add(self, reply_id: str, hears: Mapping[str, Hear]) -> None:
        """Let a reply hear its messages, by their types."""
        self._running[reply_id] = hears

    def remove(self, reply_id: str) -> None:
        """Let a reply that has ended hear nothing more."""
        self._running.pop(reply_id, None)

    def hear(self, message: object) -> None:
        """Take in what a page says; what nobody understands is let pass."""
        if not isinstance(message, Mapping):
            return
        self.was_heard, self.is_deaf = True, False
        hears = self._running.get(str(message.get("id")), {})
        heard = hears.get(str(message.get("type")))
        if heard is not None:
            heard()

    def _opened(self, comm: Any, message: object) -> None:
        self._opened_comms.append(comm)
        comm.on_msg(lambda message: self.hear(message["content"]["data"]))
