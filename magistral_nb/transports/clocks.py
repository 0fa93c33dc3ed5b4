"""How long a request may wait: for the first event, for the next one, and in all. Events count, and not bytes.

A server that sends comments to keep a line alive, or its headers one byte a second, sends no event. `httpx2` would
start its read time-out again at every byte; so what is left of the time is handed to every single read. Both colours
use this: it waits for nothing itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Literal, Self

from magistral_nb.errors import APITimeoutError, MagistralError, StreamStalledError
from magistral_nb.settings import Timeouts

ClockName = Literal["first_event", "between_events", "total"]

running: ContextVar[Clocks | None] = ContextVar("magistral_clocks", default=None)
"""The clocks of the request that this thread or task waits for just now."""


class Clocks:
    """The clocks of one request. `with clocks:` around every wait; what the reader does between waits costs no time.

    received : whether a byte of the answer has come. begun : whether an event has.
    settable : whether the limits are the user's; if so, errors say how to set them.
    """

    def __init__(self, limits: Timeouts, *, settable: bool = True, now: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self._settable = settable
        self.received = False
        self.begun = False
        self._now = now
        self._end = now() + limits.total if limits.total is not None else None
        self._waited = 0.0
        self._since = 0.0
        self._token: Token[Clocks | None] | None = None

    def __enter__(self) -> Self:
        self._since = self._now()
        self._token = running.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waited += self._now() - self._since
        if self._token is not None:
            running.reset(self._token)

    def start_again(self) -> None:
        """Begin another try: it has the same total, and a first event of its own."""
        self.received = self.begun = False
        self._waited = 0.0

    def event(self) -> None:
        """Take note of an event: the wait for the next one begins."""
        self.begun = True
        self._waited = 0.0

    def left(self) -> float | None:
        """Return how long the wait that is going on may still last, in seconds; None for as long as it likes."""
        now = self._now()
        patience = self.limits.between_events if self.begun else self.limits.first_event
        ends = [] if patience is None else [patience - self._waited - (now - self._since)]
        if self._end is not None:
            ends.append(self._end - now)
        return min(ends, default=None)

    def allows_pause(self, seconds: float) -> bool:
        """Say whether there is time for a pause before another try."""
        return self._end is None or self._now() + seconds < self._end

    def error(self, *, place: str, name: str, hint: str = "") -> MagistralError:
        """Return the error for a wait that took too long; `place` is the server's name with its address."""
        clock = self.ran_out()
        limit = getattr(self.limits, clock)
        waited = f"{limit:g} s" if limit is not None else "the time it had"
        how = f"Timeouts({clock}=…) sets how long to wait." if self._settable else ""
        if clock == "between_events":
            return StreamStalledError(
                f"{name} fell silent in mid-reply: no event came for {waited}.",
                hint=f"What had arrived is in .partial. {how}".strip(),
            )
        what = f"{place} sent no event within {waited}."
        if clock == "total":
            what = f"{name} did not finish within {waited}, the total that was allowed."
        return APITimeoutError(what, clock=clock, hint=f"{hint} {how}".strip())

    def ran_out(self) -> ClockName:
        """Return which clock has run out, after a wait that took too long."""
        if self._end is not None and self._now() >= self._end:
            return "total"
        return "between_events" if self.begun else "first_event"
