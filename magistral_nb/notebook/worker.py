"""A thread with an event loop, so that the main thread stays free to be interrupted.

Stop cancels the task: cancelling on an event loop takes no time, while a read that blocks in another thread wakes only
when its own time is up.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from functools import cache

from magistral_nb.events import Event, Waiting
from magistral_nb.replies import Reply
from magistral_nb.settings import Timeouts
from magistral_nb.streams import AsyncReplyStream

WAIT_STEP = 0.05
"""How long the main thread sleeps before it looks again, in seconds."""
STOP_PATIENCE = 5.0
"""How long a cancelled task may take to let go of its connection, in seconds."""


class Asking:
    """One question on its way in the worker; `reply` grows meanwhile. limits : how long it may wait."""

    def __init__(self, open_stream: Callable[[], AsyncReplyStream], limits: Timeouts) -> None:
        self.limits = limits
        self.waiting: Waiting | None = None
        self.error: BaseException | None = None
        self._events: deque[Event] = deque()
        self._are_read = False
        self.was_stopped = False
        self._finished = threading.Event()
        self._stream = open_stream()
        self._task: asyncio.Task[None] | None = None
        self._loop = _loop()
        self._loop.call_soon_threadsafe(self._start)

    @property
    def reply(self) -> Reply:
        """The reply so far."""
        return self._stream.reply

    def news(self) -> list[Event]:
        """Return the events that have come since the last time. Who reads them does so at each look, from the first."""
        self._are_read = True
        return [self._events.popleft() for _ in range(len(self._events))]

    def wait(self, look: Callable[[], None]) -> None:
        """Wait for the end, and call `look` again and again. Raises KeyboardInterrupt once the server was told."""
        try:
            while not self._finished.wait(WAIT_STEP):
                look()
                if not self._are_read:
                    self._events.clear()  # a flood has a million of them
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the model; return when the connection is closed, or after `STOP_PATIENCE`."""
        self._loop.call_soon_threadsafe(self._cancel)
        self._finished.wait(STOP_PATIENCE)

    def stop_for_reader(self) -> None:
        """Stop the model and return at once, from any thread: `wait` then ends as soon as the server was told."""
        self.was_stopped = True
        self._loop.call_soon_threadsafe(self._cancel)

    def _start(self) -> None:
        self._task = self._loop.create_task(self._run())
        # A task that is cancelled before its first step runs no code of its own, and is over all the same.
        self._task.add_done_callback(lambda _: self._finished.set())

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        try:
            async with self._stream as stream:
                async for event in stream:
                    self._events.append(event)
                    self.waiting = event if isinstance(event, Waiting) else None
        except Exception as error:  # the main thread raises it, whatever it is
            self.error = error


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="magistral_nb", daemon=True).start()
    return loop
