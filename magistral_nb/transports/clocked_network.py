"""Sockets whose reads end when the clocks of their request run out, for `httpx2` clients of both colours.

`httpx2` has no door for this: its connection pools keep their network backend in a private attribute. Where a later
version keeps it elsewhere, its own time-outs are what remains; a test tells us.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import httpcore2

from magistral_nb.transports.clocks import running

if TYPE_CHECKING:
    import httpx2


def put_clocks_into(client: httpx2.Client | httpx2.AsyncClient) -> None:
    """Let the connections that a client opens from here on keep to the clocks of the request that uses them."""
    for transport in (client._transport, *client._mounts.values()):
        pool = getattr(transport, "_pool", None)
        backend = getattr(pool, "_network_backend", None)
        if isinstance(backend, httpcore2.NetworkBackend):
            pool._network_backend = _Backend(backend)  # type: ignore[union-attr]  # it is there: see above
        elif isinstance(backend, httpcore2.AsyncNetworkBackend):
            pool._network_backend = _AsyncBackend(backend)  # type: ignore[union-attr]  # it is there: see above


def _time_left(timeout: float | None) -> float | None:
    clocks = running.get()
    left = clocks.left() if clocks else None
    if left is None:
        return timeout
    if left <= 0:
        raise httpcore2.ReadTimeout("The request's time is up.")
    return left if timeout is None else min(left, timeout)


def _note(data: bytes) -> bytes:
    clocks = running.get()
    if clocks and data:
        clocks.received = True
    return data


class _Backend(httpcore2.NetworkBackend):
    def __init__(self, backend: httpcore2.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(self, *args: Any, **more: Any) -> httpcore2.NetworkStream:
        return _Stream(self._backend.connect_tcp(*args, **more))

    def connect_unix_socket(self, *args: Any, **more: Any) -> httpcore2.NetworkStream:
        return _Stream(self._backend.connect_unix_socket(*args, **more))

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)


class _Stream(httpcore2.NetworkStream):
    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return _note(self._stream.read(max_bytes, _time_left(timeout)))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _AsyncBackend(httpcore2.AsyncNetworkBackend):
    def __init__(self, backend: httpcore2.AsyncNetworkBackend) -> None:
        self._backend = backend

    async def connect_tcp(self, *args: Any, **more: Any) -> httpcore2.AsyncNetworkStream:
        return _AsyncStream(await self._backend.connect_tcp(*args, **more))

    async def connect_unix_socket(self, *args: Any, **more: Any) -> httpcore2.AsyncNetworkStream:
        return _AsyncStream(await self._backend.connect_unix_socket(*args, **more))

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)


class _AsyncStream(httpcore2.AsyncNetworkStream):
    def __init__(self, stream: httpcore2.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return _note(await self._stream.read(max_bytes, _time_left(timeout)))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.AsyncNetworkStream:
        return _AsyncStream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
