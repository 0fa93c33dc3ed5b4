"""What a page tells a kernel that is busy, or asks it.

It says so on the control channel, and there it is answered; or it opens a comm on `magistral_nb.control`. Messages of
both come in another thread than the one that runs cells. Nothing is ever published on that comm: ipykernel would then
bring what the page says to the busy thread (see `shared/notes/frontend.md`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from magistral_nb.notebook.control_channel import ControlChannel

TARGET = "magistral_nb.control"

FOLLOW = "follow"
"""The type of a page's message that is answered with the reply as it stands."""

Hear = Callable[[], None]
Message = dict[str, Any]
Tell = Callable[[], Message]

KEPT = 8
"""So many replies that have ended are still told of, for pages that were loaded while cells ran."""

PANELS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any] | None]] = {}
"""What hears the messages for a panel, by its id, and may answer. One table for the process: panels outlast magics."""


class Control:
    """Brings messages to the live reply they are for. Who is not running any more is not found, and hears nothing.

    `was_heard` says whether a page of this kernel has ever drawn a live reply; `is_deaf` whether one should have, and
    did not say so.
    """

    def __init__(self, shell: Any) -> None:
        self._comms = getattr(getattr(shell, "kernel", None), "comm_manager", None)
        self._opened_comms: list[Any] = []
        self._channel = ControlChannel(shell, self.answer)
        self._running: dict[str, Mapping[str, Hear]] = {}
        self._tells: dict[str, Tell] = {}
        self._ended: deque[str] = deque()
        self.was_heard = self.is_deaf = False

    def listen(self) -> None:
        """Let pages open their comm from now on."""
        if self._comms is not None:
            self._comms.register_target(TARGET, self._opened)
        self._channel.open()

    def close(self) -> None:
        """Listen no longer; a page then opens another comm, if somebody listens again."""
        self._channel.close()
        for comm in self._opened_comms:
            comm.close()
        if self._comms is not None and TARGET in self._comms.targets:
            self._comms.unregister_target(TARGET, self._opened)

    def add(self, reply_id: str, hears: Mapping[str, Hear], tell: Tell | None = None) -> None:
        """Let a reply hear its messages, by their types. `tell` says how it stands, to a page that asks."""
        self._running[reply_id] = hears
        if tell is not None:
            self._tells[reply_id] = tell

    def remove(self, reply_id: str) -> None:
        """Let a reply that has ended hear nothing more."""
        self._running.pop(reply_id, None)
        self._tells.pop(reply_id, None)

    def end(self, reply_id: str, told: Message) -> None:
        """Let a reply that has ended hear nothing more; a page that asks for it later is told this."""
        self.remove(reply_id)
        self._tells[reply_id] = lambda: told
        self._ended.append(reply_id)
        while len(self._ended) > KEPT:
            self._tells.pop(self._ended.popleft(), None)

    def hear(self, message: object) -> None:
        """Take in what a page says; what nobody understands is let pass."""
        if not isinstance(message, Mapping):
            return
        if panel := PANELS.get(str(message.get("id"))):
            panel(message)
            return
        self.was_heard, self.is_deaf = True, False
        hears = self._running.get(str(message.get("id")), {})
        heard = hears.get(str(message.get("type")))
        if heard is not None:
            heard()

    def answer(self, message: object) -> Message | None:
        """Take in what a page says. One that follows a reply is told how it stands, if it is known; so is a panel's."""
        if isinstance(message, Mapping) and (panel := PANELS.get(str(message.get("id")))):
            return panel(message)
        self.hear(message)
        if not isinstance(message, Mapping) or message.get("type") != FOLLOW:
            return None
        tell = self._tells.get(str(message.get("id")))
        return tell() if tell is not None else None

    def _opened(self, comm: Any, message: object) -> None:
        self._opened_comms.append(comm)
        comm.on_msg(lambda message: self.hear(message["content"]["data"]))
