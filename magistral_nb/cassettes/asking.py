"""One question on its way through the cassettes, and what they and the model's own way have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from magistral_nb.cassettes.canonical import canonical_request, request_key
from magistral_nb.cassettes.format import Recording
from magistral_nb.choosing import Choice
from magistral_nb.endpoints import Endpoint
from magistral_nb.transports import Streams


@dataclass
class Asking:
    """A question that is about to be asked.

    body : of the request. max_tokens : the length that the user wished, or None. choice, row : where it goes, and what
    is known of the place. tell_time : is told the recorded times while a recording plays.
    recording : set by the cassette that answers; None if the model does.
    """

    body: Mapping[str, Any]
    max_tokens: int | None
    choice: Choice
    row: Endpoint
    tell_time: Callable[[float], None]
    recording: Recording | None = None
    request: dict[str, Any] = field(init=False)
    key: str = field(init=False)

    def __post_init__(self) -> None:
        self.request = canonical_request(self.body, max_tokens=self.max_tokens)
        self.key = request_key(self.request)


class Cassette(Protocol):
    """A cassette that is recorded or played."""

    def open(self, asking: Asking, outside: Callable[[], Streams]) -> Streams:
        """Return what answers. `outside` opens what would answer without this cassette."""
