"""An OpenAI-shaped server on this machine that sends exactly the bytes a test tells it to, faults included.

    with FakeServer() as server:
        server.play(sse_bytes, slice=7)                              # 200, seven bytes a chunk
        server.play_json({"error": {"message": "no"}}, status=401)   # the second request, and all that follow
        Client(base_url=server.base_url, …).chat("hi")
        server.requests[0].json()["model"]

How the faults of a real network are spelled, by their numbers in the fault matrix:

    F01 nobody listens        use `base_url` after the block     F10 RST          end="reset"
    F03 unknown certificate   FakeServer(tls=context)            F11 no [DONE]    a body without it
    F04 a proxy               HTTP_PROXY = server.url            F12 no length    framing="close"
    F05 no headers            head_bytes=0, end="hold"           F20 split UTF-8  slice=1
    F06 slow headers          head_pause=0.2                     F22, F23 gzip    headers={…: "gzip"}
    F07, F36 falls silent     end="hold"                         F25-F53          status=, headers=, play_json
    F09 FIN                   end="cut"                          F55-F57 stopped  end="hold", wait_closed()
"""

from __future__ import annotations

import json
import socket
import socketserver
import ssl
import sys
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any, Self

from tests.fake_wire import Body, ClientGoneError, Request, Script, Wire

__all__ = ["CHAT", "MODELS", "FakeServer", "Request", "Script"]

CHAT = "/v1/chat/completions"
MODELS = "/v1/models"


class FakeServer:
    """The server. Each path has a queue of scripts, the last of which repeats; without one it answers 404."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.tls = tls
        self.requests: list[Request] = []
        self.connections = 0
        self.failures: list[BaseException] = []
        self.stopping = False
        self._changed = threading.Condition()
        self._waiting: dict[str, deque[Script]] = defaultdict(deque)
        self._last: dict[str, Script] = {}
        self._listener = _Listener(self, host)
        self.port: int = self._listener.server_address[1]
        self.url = f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{self.port}"
        self.base_url = self.url + "/v1"

    def __enter__(self) -> Self:
        # The interval is how long stopping may take; a connection is accepted at once.
        threading.Thread(target=self._listener.serve_forever, args=(0.002,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping = True
        self._listener.shutdown()
        self._listener.hang_up()
        self._listener.server_close()
        if self.failures:
            raise self.failures[0]

    def play(self, body: Body | Script = b"", *, path: str = CHAT, **how: Any) -> None:
        """Queue a response for `path`; `how` are the fields of `Script`."""
        script = body if isinstance(body, Script) else Script(body, **how)
        self._waiting[path].append(script)

    def play_json(self, data: object, *, path: str = CHAT, **how: Any) -> None:
        """Queue a response that is one JSON document."""
        headers = {"content-type": "application/json", **how.pop("headers", {})}
        self.play(Script(json.dumps(data).encode(), headers=headers, **{"framing": "length", **how}), path=path)

    def wait_for(self, condition: Callable[[], bool], timeout: float = 5.0) -> bool:
        """Wait until `condition()` is true, and return whether it became so in time (seconds)."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not condition() and time.monotonic() < deadline:
                self._changed.wait(0.01)  # not every fact is announced: `sent` grows silently
            return condition()

    def wait_closed(self, timeout: float = 5.0) -> bool:
        """Wait until the client of the last request has gone away, and return whether it did in time."""
        return self.wait_for(lambda: bool(self.requests) and self.requests[-1].closed_at is not None, timeout)

    def break_off(self) -> None:
        """Break off every connection that there is just now."""
        self._listener.hang_up()

    @property
    def open_connections(self) -> int:
        """How many connections there are just now."""
        return len(self._listener.open)

    def note(self, request: Request, **facts: Any) -> None:
        """Write down what became of a request, and wake whoever waits for it."""
        with self._changed:
            for name, value in facts.items():
                setattr(request, name, value)
            self._changed.notify_all()

    def script_for(self, request: Request) -> Script:
        """Write the request down, and return what to answer."""
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
            if self._waiting[request.path]:
                self._last[request.path] = self._waiting[request.path].popleft()
            return self._last.get(request.path) or _nothing_to_play(request.path)


def _nothing_to_play(path: str) -> Script:
    error = json.dumps({"error": {"message": f"The test plays nothing at {path}."}})
    return Script(error.encode(), 404, {"content-type": "application/json"}, framing="length")


class _Connection(socketserver.BaseRequestHandler):
    """Answers the requests of one connection, in a thread of its own."""

    server: _Listener
    request: socket.socket

    def handle(self) -> None:
        owner, last = self.server.owner, None
        try:
            with self.server.wire(self.request) as wire:
                again = True
                while again:
                    last = wire.read_request()
                    again = wire.respond(last, owner.script_for(last))
                    owner.note(last, finished=True)
        except (OSError, ClientGoneError):
            if last and not owner.stopping:
                owner.note(last, closed_at=time.monotonic())


class _Listener(socketserver.ThreadingTCPServer):
    """Accepts connections, and can break off all of them."""

    request_queue_size = 256

    def __init__(self, owner: FakeServer, host: str) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, 0), _Connection)
        self.owner = owner
        self.open: set[socket.socket] = set()
        self._lock = threading.Lock()

    @contextmanager
    def wire(self, connection: socket.socket) -> Iterator[Wire]:
        """Yield the wire of a new connection, after the TLS greeting if there is one; close it in the end."""
        if self.owner.tls:
            # The greeting comes after the connection is registered, so that stopping can break it off.
            connection = self.owner.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with self._lock:
            if self.owner.stopping:
                raise ClientGoneError
            self.open.add(connection)
            self.owner.connections += 1
        try:
            if isinstance(connection, ssl.SSLSocket):
                connection.do_handshake()
            with closing(Wire(connection)) as wire:
                yield wire
        finally:
            with self._lock:
                self.open.discard(connection)
            connection.close()

    def hang_up(self) -> None:
        """Break off every open connection."""
        with self._lock:
            for connection in self.open:
                with suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep an error of our own for the end of the test."""
        error = sys.exc_info()[1]
        if error:
            self.owner.failures.append(error)
