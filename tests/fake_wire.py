"""One response of the fake server: what a `Script` says goes over the wire to the byte, and nothing else."""

from __future__ import annotations

import http.client
import io
import json
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

Condition = Callable[[], object]
Body = bytes | Sequence[bytes | float | Condition]


class ClientGoneError(Exception):
    """The client closed its end."""


@dataclass(frozen=True)
class Script:
    """One response. `body` may be a list of pieces; among them a number is a silence in seconds, and a function one
    that lasts until it returns something true.

    slice : bytes a write, each in an HTTP chunk of its own; 0 sends a piece whole.
    pause : seconds of silence between two writes of the body.
    end : "hold" stays connected and silent until the client goes; "cut" closes (FIN) and "reset" aborts (RST)
        without what would properly end the body.
    head_bytes : send only so much of the status line and headers, no body, then `end`.
    head_pause : seconds of silence before each single byte of the status line and headers.
    headers : in place of the server's own of the same name, or added to them.
    """

    body: Body = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    slice: int = 0
    pause: float = 0.0
    framing: Literal["chunked", "length", "close"] = "chunked"
    end: Literal["clean", "hold", "cut", "reset"] = "clean"
    head_bytes: int | None = None
    head_pause: float = 0.0

    def head(self) -> bytes:
        """Return the status line and headers as they go over the wire."""
        framing = {
            "chunked": ("transfer-encoding", "chunked"),
            "length": ("content-length", str(len(self.content()))),
            "close": ("connection", "close"),
        }
        headers = dict([("content-type", "text/event-stream"), framing[self.framing]])
        headers |= {name.lower(): value for name, value in self.headers.items()}
        lines = [f"HTTP/1.1 {self.status} {http.client.responses.get(self.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def content(self) -> bytes:
        """Return the body in one piece, without its silences."""
        return b"".join(piece for piece in self._pieces() if isinstance(piece, bytes))

    def writes(self) -> Iterator[bytes | float | Condition]:
        """Yield what to write and how long to be silent, in turn."""
        pause = 0.0
        for piece in self._pieces():
            if not isinstance(piece, bytes):
                yield piece
                continue
            step = self.slice or max(len(piece), 1)
            for start in range(0, len(piece), step):
                if pause:
                    yield pause
                pause = self.pause
                yield piece[start : start + step]

    def _pieces(self) -> Sequence[bytes | float | Condition]:
        return [self.body] if isinstance(self.body, bytes) else self.body


@dataclass
class Request:
    """What the server received, and how far its response got; times are `time.monotonic()` seconds."""

    method: str
    path: str
    headers: dict[str, str]
    """By name in lower case."""
    body: bytes
    received_at: float
    sent: int = 0
    """Bytes of the response's body handed to the network so far."""
    finished: bool = False
    """The script was played to its end."""
    closed_at: float | None = None
    """When the client went away."""

    def json(self) -> Any:
        """Return the body, parsed."""
        return json.loads(self.body)


class Wire:
    """One connection, as the server sees it."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection = connection
        self._reader = io.BufferedReader(connection.makefile("rb", buffering=0))

    def close(self) -> None:
        """Close the connection."""
        self._reader.close()
        self._connection.close()

    def read_request(self) -> Request:
        """Wait for a request and return it; raise `ClientGoneError` if the client closes instead."""
        try:
            method, target, _ = self._reader.readline().decode("latin-1").split()
        except ValueError:  # nothing more, or something that is not HTTP, such as a TLS greeting
            raise ClientGoneError from None
        received = http.client.parse_headers(self._reader)
        headers = {name.lower(): value for name, value in received.items()}
        size = int(headers.get("content-length", "0"))
        body = self._reader.read(size)
        if len(body) < size:  # it was stopped while it asked
            raise ClientGoneError
        return Request(method, urlsplit(target).path, headers, body, time.monotonic())

    def respond(self, request: Request, script: Script) -> bool:
        """Play the script, and return whether the connection may be used again."""
        self._send_head(script)
        if script.head_bytes is None:
            self._send_body(request, script)
        if script.end == "hold":
            self._be_silent(None)
        if script.end == "reset":
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if script.end != "clean" or script.head_bytes is not None:
            return False
        if script.framing == "chunked":
            self._connection.sendall(b"0\r\n\r\n")
        closing = {request.headers.get("connection"), script.headers.get("connection")}
        return script.framing != "close" and "close" not in closing

    def _send_head(self, script: Script) -> None:
        head = script.head()[: script.head_bytes]
        if not script.head_pause:
            self._connection.sendall(head)
            return
        for position in range(len(head)):
            self._be_silent(script.head_pause)
            self._connection.sendall(head[position : position + 1])

    def _send_body(self, request: Request, script: Script) -> None:
        for piece in script.writes():
            if not isinstance(piece, bytes):
                self._be_silent(piece) if isinstance(piece, int | float) else self._be_silent_until(piece)
                continue
            framed = b"%x\r\n%b\r\n" % (len(piece), piece) if script.framing == "chunked" else piece
            self._connection.sendall(framed)
            request.sent += len(piece)

    def _be_silent(self, seconds: float | None) -> None:
        """Send nothing for so long (None: for ever), but notice at once when the client goes away."""
        readable, _, _ = select.select([self._connection], [], [], seconds)
        if readable and not self._reader.peek(1):
            raise ClientGoneError
        if readable:
            raise RuntimeError("The client sent more before the response had ended.")

    def _be_silent_until(self, condition: Condition) -> None:
        """Send nothing until `condition()` is true, and raise an error if that takes ten seconds."""
        deadline = time.monotonic() + 10
        while not condition():
            if time.monotonic() > deadline:
                raise RuntimeError("What the server waited for did not become true.")
            self._be_silent(0.002)
