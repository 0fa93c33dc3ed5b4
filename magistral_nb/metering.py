"""What this process has spent so far: one total for each endpoint and model. Unknown prices stay unknown."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields


@dataclass(frozen=True, slots=True)
class Spending:
    """What one reply took: tokens, and USD or None where no price is known.

    `estimated` says that we counted, not the server: it never told, or the reply was broken off before.
    """

    endpoint: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    usd: float | None = None
    estimated: bool = False


@dataclass(slots=True)
class Total:
    """The sum of many replies. `usd` is the sum of those whose price is known; `unpriced` counts the others."""

    replies: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float = 0.0
    unpriced: int = 0
    estimated: int = 0

    def add(self, one: Spending) -> None:
        """Add one reply."""
        self.replies += 1
        self.prompt_tokens += one.prompt_tokens
        self.completion_tokens += one.completion_tokens
        self.usd += one.usd or 0.0
        self.unpriced += one.usd is None
        self.estimated += one.estimated

    def __add__(self, other: Total) -> Total:
        return Total(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


Place = tuple[str, ...]
"""What a total is for: endpoint and model, or a notebook."""


def by_model(one: Spending) -> Place:
    """Return the endpoint and the model that a reply came from."""
    return (one.endpoint, one.model)


def totals(spendings: Iterable[Spending], place_of: Callable[[Spending], Place] = by_model) -> dict[Place, Total]:
    """Return the sums of spendings, by where they belong."""
    sums: dict[Place, Total] = {}
    for one in spendings:
        sums.setdefault(place_of(one), Total()).add(one)
    return sums


@dataclass
class SessionMeter:
    """Counts what this process spends, from any thread."""

    _sums: dict[Place, Total] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, one: Spending) -> None:
        """Count one reply."""
        with self._lock:
            self._sums.setdefault(by_model(one), Total()).add(one)

    def totals(self) -> dict[Place, Total]:
        """Return the sums so far, by endpoint and model."""
        from copy import copy

        with self._lock:
            return {place: copy(total) for place, total in self._sums.items()}


SESSION = SessionMeter()
"""The meter of this process."""
