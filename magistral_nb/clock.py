"""The time that a reply takes: the clock on the wall, or that of a recording while one is played."""

from __future__ import annotations

import time


class Clock:
    """Tells the seconds since the request was sent, when called."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._played: float | None = None
        self._before = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return time.perf_counter() - self._began if self._played is None else self._before + self._played

    def play(self, seconds: float) -> None:
        """Tell this time from now on: what a reader sees of a recording are the times when it was recorded."""
        if self._played is not None and seconds < self._played:  # a second request for the same reply
            self._before += self._played
        self._played = seconds
