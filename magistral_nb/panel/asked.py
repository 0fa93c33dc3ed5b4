"""One question of a panel on its way: a thread that waits for it and tells the page, beside whatever cells run."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from magistral_nb.cassettes import running
from magistral_nb.notebook.gathering import GATHERER, PER_REPLY
from magistral_nb.notebook.patience import Patience
from magistral_nb.notebook.telling import Telling
from magistral_nb.notebook.widget_live import LONG, LONG_PAUSE
from magistral_nb.notebook.worker import Asking
from magistral_nb.panel.wire import Data
from magistral_nb.replies import Reply
from magistral_nb.scrubbing import scrub
from magistral_nb.settings import Timeouts
from magistral_nb.streams import AsyncReplyStream


class Pending(Future[Reply]):
    """A reply that is on its way to a panel. `result()` waits for it and returns it, or raises what went wrong.

    It can also be awaited: `reply = await panel.ask("…")`. To wait is not needed: the panel goes on by itself.
    """

    def __await__(self) -> Generator[Any, None, Reply]:
        return asyncio.wrap_future(self).__await__()

    def __repr__(self) -> str:
        return f"<a reply to a panel, {'here' if self.done() else 'on its way'}: .result() waits for it>"


@dataclass(frozen=True)
class Wanted:
    """What is asked, and where it will stand.

    index : its place on the line. begun : the reply that goes on.
    """

    text: str
    index: int
    open_stream: Callable[[], AsyncReplyStream]
    limits: Callable[[], Timeouts]
    begun: Reply | None = None


class Question:
    """Asks, and tells the page what comes. `looked` is called in the same thread meanwhile, `ended` when it is over."""

    def __init__(
        self,
        wanted: Wanted,
        tell: Callable[[Data], None],
        *,
        looked: Callable[[Question], None],
        ended: Callable[[Question], None],
    ) -> None:
        self.wanted = wanted
        self.reply_id = uuid4().hex
        self.pending = Pending()
        self.pending.set_running_or_notify_cancel()  # nobody takes it back but by `stop`
        self.error: BaseException | None = None
        self.telling = Telling(wanted.begun)
        self.was_missed = False
        self._tell, self._looked, self._ended = tell, looked, ended
        self._asking: Asking | None = None
        self._patience: Patience | None = None
        self._is_stopped = False
        with running.as_now():
            context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=context.run, args=(self._run,), name="magistral_nb panel", daemon=True
        )  # fmt: skip

    def start(self) -> None:
        """Ask."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the model, from any thread; what has come is kept."""
        self._is_stopped = True
        if self._asking is not None:
            self._asking.stop_for_reader()

    @property
    def reply(self) -> Reply:
        """The reply so far."""
        return self._asking.reply if self._asking is not None else Reply()

    def live_wire(self) -> Data:
        """Return what a page needs to draw the reply as it stands."""
        reply, seen = self.telling.snapshot()
        place = {"index": self.wanted.index, "text": scrub(self.wanted.text), "reply_id": self.reply_id}
        return {**place, "reply": reply, "seen": seen}

    def _run(self) -> None:
        try:
            limits = self.wanted.limits()
            self._patience = Patience(limits, how_to_stop="Stop ends it.")
            self._asking = asking = Asking(self.wanted.open_stream, limits)
            if self._is_stopped:  # before there was anything to stop
                asking.stop_for_reader()
            asking.wait(lambda: self._look(asking))
            self.telling.take(asking.news())
            self.error = asking.error
        except Exception as error:  # the reader sees it in the log, whatever it is
            self.error = error
        self._ended(self)

    def settle(self) -> None:
        """Let those go on who wait for the reply."""
        if self.error is None:
            self.pending.set_result(self.reply)
        else:
            self.pending.set_exception(self.error)

    def last_messages(self) -> list[Data]:
        """Return what is left to tell of the events. An error is told with the turn."""
        if self.error is None and not self.telling.is_over:
            return [self._with_id(self.telling.last_message(self.reply))]
        return [self._with_id(self.telling.next_message())] if self.telling.has_events() else []

    def _look(self, asking: Asking) -> None:
        telling = self.telling
        telling.take(asking.news())
        if self._patience is not None:
            telling.say_patience(self._patience.look(asking.waiting, telling.characters))
        pause = LONG_PAUSE if telling.characters > LONG else 1 / PER_REPLY
        if telling.has_news() and GATHERER.may_send(self.reply_id, pause=pause):
            self._tell(self._with_id(telling.next_message()))
        self._looked(self)

    def _with_id(self, message: Data) -> Data:
        return {**message, "reply_id": self.reply_id}
