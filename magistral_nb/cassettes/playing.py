"""A recording becomes a stream again, at its own pace or at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, closing

from magistral_nb.cassettes.cleaning import worth_keeping
from magistral_nb.cassettes.format import Recording
from magistral_nb.errors import ConnectionLostError
from magistral_nb.transports import Chunk, Request, Streams


class Playing:
    """Yields the chunks of a recording. `tell_time` is told when each had come; `speed` is None for at once."""

    def __init__(
        self, recording: Recording, speed: float | None, tell_time: Callable[[float], None], source: str
    ) -> None:
        self._recording, self._speed, self._tell_time, self._source = recording, speed, tell_time, source

    def stream(self, request: Request) -> Generator[Chunk, None, None]:
        """Yield the chunks. Raises ConnectionLostError at the end of a recording that broke off."""
        began = time.perf_counter()
        for at, chunk in self._recording.chunks:
            if pause := self._pause(began, at):
                time.sleep(pause)
            if (kept := self._told(at, chunk)) is not None:
                yield kept
        self._end()

    async def astream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Do the same on the running event loop, which stays free."""
        began = time.perf_counter()
        for number, (at, chunk) in enumerate(self._recording.chunks):
            if pause := self._pause(began, at):
                await asyncio.sleep(pause)
            elif number % 64 == 0:
                await asyncio.sleep(0)  # others, such as whoever wants to stop this, get their turn
            if (kept := self._told(at, chunk)) is not None:
                yield kept
        self._end()

    def _pause(self, began: float, at: float) -> float:
        """Return how long to wait before a chunk, in seconds."""
        return max(0.0, began + at / self._speed - time.perf_counter()) if self._speed else 0.0

    def _told(self, at: float, chunk: Chunk) -> Chunk | None:
        self._tell_time(at)
        return worth_keeping(chunk)  # also of what a stranger has written into the file

    def _end(self) -> None:
        if not self._recording.complete:
            raise ConnectionLostError(
                f"The recording ends here: the reply was stopped or broke off when {self._source} was recorded.",
                hint="Record the question once more, if a whole reply is wanted.",
            )


class Announced:
    """A stream with a notice in front of it."""

    def __init__(self, code: str, text: str, outside: Streams) -> None:
        self._notice: Chunk = {"magistral": {"notice": {"code": code, "text": text}}}
        self._outside = outside

    def stream(self, request: Request) -> Generator[Chunk, None, None]:
        """Yield the notice, and then the rest."""
        yield self._notice
        with closing(self._outside.stream(request)) as chunks:
            yield from chunks

    async def astream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Do the same on the running event loop."""
        yield self._notice
        async with aclosing(self._outside.astream(request)) as chunks:
            async for chunk in chunks:
                yield chunk
