"""How long a reply has been silent, and which clock will end the wait: the line below a reply that does not move."""

from __future__ import annotations

import time
from math import ceil

from magistral_nb.events import Waiting
from magistral_nb.rendering.facts import duration
from magistral_nb.settings import Timeouts
from magistral_nb.transports.retrying import LOADING_PATIENCE

QUIET = 5.0
"""A silence shorter than this is nothing to speak of, in seconds."""


class Patience:
    """Watches one reply. Clocks of the wire count events, and a reader sees words: an event without one is not seen."""

    def __init__(self, limits: Timeouts, *, how_to_stop: str = "Interrupt to stop.") -> None:
        self._limits, self._how_to_stop = limits, how_to_stop
        self._seen: tuple[Waiting | None, int] | None = None
        self._since = self._began = time.monotonic()

    def look(self, waiting: Waiting | None, characters: int, *, now: float | None = None) -> str:
        """Return what to say of a silence, or an empty text. `characters` is how much of the reply there is."""
        now = time.monotonic() if now is None else now
        if self._seen != (waiting, characters):
            self._seen, self._since = (waiting, characters), now
        silent_for = now - self._since
        if waiting is not None and waiting.seconds > silent_for:
            longest = f", for at most {duration(LOADING_PATIENCE, whole=True)}" if waiting.why == "loading" else ""
            return f"Asking again in {duration(ceil(waiting.seconds - silent_for), whole=True)}{longest}."
        if silent_for < QUIET or (waiting is not None and waiting.why == "loading"):
            return ""  # how far loading is, is told already
        return f"{self._silence(silent_for, begun=characters > 0)}{self._total(now)} {self._how_to_stop}"

    def _silence(self, silent_for: float, *, begun: bool) -> str:
        limit = self._limits.between_events if begun else self._limits.first_event
        end = f"gives up after {duration(limit, whole=True)}" if limit is not None else "waits as long as it takes"
        return f"No word for {duration(silent_for, whole=True)}: {end}."

    def _total(self, now: float) -> str:
        if self._limits.total is None:
            return ""
        spent, whole = duration(now - self._began, whole=True), duration(self._limits.total, whole=True)
        return f" {spent} of {whole} in all."
