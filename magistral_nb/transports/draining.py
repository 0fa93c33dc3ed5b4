"""Reading the end of a body after `[DONE]`, so that the connection can be used again. Some servers never end it."""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx2

PATIENCE = 0.05
"""How long a body may take to end after its last event, in seconds; after that the connection is closed."""
GRACE = 0.001
MOST_PIECES = 16


def drain(response: httpx2.Response, body: Iterator[bytes]) -> None:
    """Read what is left of a body: mostly it is there at once.

    If it is not, it may have been read already, or never come: then a watchdog shuts the socket down in time, which
    wakes a reader that waits for it.
    """
    import httpx2

    stream = response.extensions.get("network_stream")
    connection = stream.get_extra_info("socket") if stream else None
    if connection is None:
        return
    watchdog = threading.Timer(PATIENCE, _shut_down, (connection,))
    watchdog.daemon = True
    there_at_once = bool(select.select([connection], [], [], GRACE)[0])
    if not there_at_once:
        watchdog.start()
    try:
        with contextlib.suppress(httpx2.HTTPError):
            for _ in islice(body, 1 if there_at_once else MOST_PIECES):
                pass
    finally:
        watchdog.cancel()


async def adrain(body: AsyncIterator[bytes]) -> None:
    """Read what is left of a body, on the running event loop."""
    import httpx2

    with contextlib.suppress(httpx2.HTTPError, TimeoutError):
        async with asyncio.timeout(PATIENCE):
            for _ in range(MOST_PIECES):
                if await anext(body, None) is None:
                    return


def _shut_down(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
