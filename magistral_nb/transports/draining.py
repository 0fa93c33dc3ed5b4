"""Reading the end of a body after `[DONE]`, so that the connection can be used again. Some servers never end it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import threading
import time
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx2

PATIENCE = 0.05
"""How long a body may take to end after its last event, in seconds; after that the connection is closed."""
MOST_PIECES = 16


class Watchdog:
    """Shuts down sockets that are watched for too long, which wakes whoever waits for them.

    One thread serves all, and it lives only while something is watched: starting one for every reply would cost more
    than the connection that it saves.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._watched: dict[int, tuple[float, socket.socket]] = {}
        self._awake = False

    @contextmanager
    def watching(self, connection: socket.socket) -> Generator[None, None, None]:
        """Give the block at most `patience` seconds, or up to twice that, before its socket is shut down."""
        number = next(self._numbers)
        with self._lock:
            self._watched[number] = (time.monotonic() + self._patience, connection)
            asleep, self._awake = not self._awake, True
        if asleep:
            threading.Thread(target=self._watch, name="magistral-watchdog", daemon=True).start()
        try:
            yield
        finally:
            with self._lock:
                self._watched.pop(number, None)

    def _watch(self) -> None:
        while True:
            time.sleep(self._patience)
            now = time.monotonic()
            with self._lock:
                for deadline, connection in self._watched.values():
                    if deadline <= now:
                        with contextlib.suppress(OSError):
                            connection.shutdown(socket.SHUT_RDWR)
                self._awake = bool(self._watched)
                if not self._awake:
                    return


_watchdog = Watchdog(PATIENCE)


def drain(response: httpx2.Response, body: Iterator[bytes]) -> None:
    """Read what is left of a body; mostly it is there at once."""
    import httpx2

    stream = response.extensions.get("network_stream")
    connection = stream.get_extra_info("socket") if stream else None
    if connection is None:
        return
    with _watchdog.watching(connection), contextlib.suppress(httpx2.HTTPError):
        for _ in itertools.islice(body, MOST_PIECES):
            pass


async def adrain(body: AsyncIterator[bytes]) -> None:
    """Read what is left of a body, on the running event loop."""
    import httpx2

    with contextlib.suppress(httpx2.HTTPError, TimeoutError):
        async with asyncio.timeout(PATIENCE):
            for _ in range(MOST_PIECES):
                if await anext(body, None) is None:
                    return
