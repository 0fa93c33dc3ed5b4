"""Bytes to JSON objects: how a request reaches a model and how its chunks come back. Knows no event, no reply.

What a transport yields are plain objects in the shape of OpenAI's chunks, whatever the engine, and a few notes of
its own under the key `magistral`:

    {"magistral": {"waiting": {"why": "retry", "seconds": 0.5}}}     nothing has come yet, and why
    {"magistral": {"waiting": {"why": "loading", "seconds": 0, "text": "…", "progress": 0.4}}}
    {"magistral": {"request_id": "req_1"}}                            the server's name for the request
    {"magistral": {"notice": {"code": "bad_utf8", "text": "…"}}}      something the reader must know
    {"magistral": {"done": true}}                                     the server said that the stream is over
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from typing import Any, Protocol

from magistral_nb.settings import Timeouts

Chunk = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """What goes down to a server: the JSON body of a chat completion, and how patient to be.

    raw : the body is that of a completion without messages, whose prompt is token ids.
    """

    body: dict[str, Any]
    timeouts: Timeouts
    max_retries: int = 2
    raw: bool = False


class Streams(Protocol):
    """Anything that answers a request. Closing a generator closes the connection, so that the model stops."""

    def stream(self, request: Request) -> Generator[Chunk, None, None]:
        """Send the request and yield chunks as they arrive."""

    def astream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Do the same on the running event loop."""


class Transport(Streams, Protocol):
    """Anything that can ask a model, and tell of it."""

    def models(self) -> list[str]:
        """Return the model ids that the server offers."""

    async def amodels(self) -> list[str]:
        """Return the model ids that the server offers."""

    def count_tokens(self, text: str, model: str) -> int:
        """Return how many tokens a text has for the model; words that look like control tokens are text."""

    def counts_at_once(self, model: str) -> bool:
        """Say whether counting sends nothing and loads nothing: the model is in this process, loaded already."""

    def close(self) -> None:
        """Let go of connections and engines."""

    async def aclose(self) -> None:
        """Let go of connections and engines."""
