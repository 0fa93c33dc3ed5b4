"""How long to wait for the next chunk of an engine in this process, as a request says."""

from __future__ import annotations

import time

from magistral_nb.errors import APITimeoutError, MagistralError, StreamStalledError
from magistral_nb.settings import Timeouts


class Clock:
    """Began when it was made."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._began = time.monotonic()
        self._any = False

    def heard(self) -> None:
        """Note that something has come."""
        self._any = True

    def patience(self) -> float | None:
        """Return how long to wait, in seconds, or None for ever."""
        silence = self._timeouts.between_events if self._any else self._timeouts.first_event
        total = self._timeouts.total
        left = None if total is None else max(0.0, self._began + total - time.monotonic())
        return min((limit for limit in (silence, left) if limit is not None), default=None)

    def error(self) -> MagistralError:
        """Return what to raise when that time is over."""
        total = self._timeouts.total
        if total is not None and time.monotonic() - self._began >= total:
            return APITimeoutError("The reply took too long.", clock="total", hint="Timeouts(total=…) sets how long.")
        if self._any:
            hint = "What had arrived is in .partial; Timeouts(between_events=…) sets how long to wait."
            return StreamStalledError("The model fell silent in mid-reply.", hint=hint)
        hint = "A long prompt takes long to read. Timeouts(first_event=…) sets how long to wait."
        return APITimeoutError("The model said nothing in time.", clock="first_event", hint=hint)
