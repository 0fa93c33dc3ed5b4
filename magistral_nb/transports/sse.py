"""Bytes to JSON objects: server-sent events, read by ourselves, with caps and the errors that come inside a stream.

The reader is colourless: it is fed bytes and gives chunks, whoever waits for them. It also understands what some
servers send where a stream was due: a whole JSON reply, a JSON error, a web page.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from magistral_nb.errors import MagistralError, NotAnAPIError, ProtocolError, TooLargeError
from magistral_nb.scrubbing import scrub
from magistral_nb.transports import Chunk
from magistral_nb.transports.stream_errors import error_in, page_title

MEGABYTE = 1024 * 1024
_MUCH = 2_000
"""What is read of an unreadable event, in bytes: a secret is taken out before the rest is cut to a sample."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
DONE: Chunk = {"magistral": {"done": True}}
_BAD_UTF8: Chunk = {
    "magistral": {
        "notice": {"code": "bad_utf8", "text": "The server sent bytes that are no text; they are shown as �."}
    }
}


class EventReader:
    """Reads one response body. After each `feed`, look at `done` and at `failure`; give out the chunks first."""

    def __init__(self, *, most_event_bytes: int = 8 * MEGABYTE, most_reply_bytes: int = 64 * MEGABYTE) -> None:
        self.done = False
        self.failure: MagistralError | None = None
        self._most_event_bytes = most_event_bytes
        self._most_reply_bytes = most_reply_bytes
        self._read_bytes = 0
        self._rest = b""
        self._after_return = False
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._event = b""
        self._whole_body: list[bytes] | None = None  # the pieces of a body that is no event stream
        self._seen_any = False
        self._warned = False

    def feed(self, data: bytes) -> list[Chunk]:
        """Read on, and return the chunks that are complete."""
        chunks: list[Chunk] = []
        self._read_bytes += len(data)
        if self._read_bytes > self._most_reply_bytes:
            self._fail_too_large("reply", self._most_reply_bytes)
            return chunks
        if not self._seen_any:
            data = self._first_bytes(data)
        if self._whole_body is not None:
            self._whole_body.append(data)
        elif self._is_one_event(data):
            self._dispatch(data[6:-2], chunks)
        else:
            self._read_lines(data, chunks)
        return chunks

    def close(self) -> list[Chunk]:
        """Return what the end of the body makes complete; half an event is not."""
        chunks: list[Chunk] = []
        if self.done or self.failure:
            return chunks
        if self._whole_body is not None:
            self._read_whole_body(b"".join(self._whole_body), chunks)
        else:
            line, self._rest = self._rest, b""
            if line:
                self._read_line(line, chunks)
            self._end_event(chunks, at_end=True)
        return chunks

    def _first_bytes(self, data: bytes) -> bytes:
        """Tell an event stream from a page and from plain JSON: content types are often wrong."""
        data = self._rest + data
        self._rest = b""
        start = data.removeprefix(_BYTE_ORDER_MARK).lstrip()
        if not start or _BYTE_ORDER_MARK.startswith(start):
            self._rest = data
            return b""
        self._seen_any = True
        if start[:1] in b"<{[":
            self._whole_body = []
        return start

    def _is_one_event(self, data: bytes) -> bool:
        """Most servers write one event at a time: then there is nothing to put together."""
        return (
            not self._rest
            and not self._after_return
            and not self._data
            and not self._event
            and data.startswith(b"data: {")
            and data.endswith(b"\n\n")
            and data.count(b"\n") == 2
            and b"\r" not in data
        )

    def _read_lines(self, data: bytes, chunks: list[Chunk]) -> None:
        *lines, self._rest = (self._rest + self._with_line_feeds(data)).split(b"\n")
        for line in lines:
            self._read_line(line, chunks)
            if self.done or self.failure:
                return
        if len(self._rest) > self._most_event_bytes:
            self._fail_too_large("event", self._most_event_bytes)

    def _with_line_feeds(self, data: bytes) -> bytes:
        """Spell every end of a line as a line feed. A carriage return ends one at once: a line feed may never come."""
        if self._after_return and data.startswith(b"\n"):
            data = data[1:]
        self._after_return = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data

    def _read_line(self, line: bytes, chunks: list[Chunk]) -> None:
        if not line:
            self._end_event(chunks)
        elif line.startswith(b"data:"):
            value = line[5:]
            self._data.append(value[1:] if value.startswith(b" ") else value)
            self._data_bytes += len(line)
            if self._data_bytes > self._most_event_bytes:
                self._fail_too_large("event", self._most_event_bytes)
        elif line.startswith(b"event:"):
            self._event = line[6:].strip()

    def _end_event(self, chunks: list[Chunk], *, at_end: bool = False) -> None:
        data, self._data, self._data_bytes = b"\n".join(self._data), [], 0
        if data.strip():
            self._dispatch(data, chunks, at_end=at_end)
        elif self._event == b"error":
            self.failure = error_in({"message": "The server reported an error and gave no reason."}, "error")
        self._event = b""

    def _dispatch(self, data: bytes, chunks: list[Chunk], *, at_end: bool = False) -> None:
        if data.strip() == b"[DONE]":
            self.done = True
            chunks.append(DONE)
            return
        try:
            value = json.loads(data)
        except RecursionError:
            self._fail_nested()
            return
        except ValueError:
            value = self._repair(data, chunks)
            if value is None:
                if not (at_end or self.failure):  # at the end of the body it is half an event
                    self._fail_unreadable(data)
                return
        self._take(value, chunks)

    def _take(self, value: Any, chunks: list[Chunk]) -> None:
        if isinstance(value, dict):
            value.pop("magistral", None)  # that key is for our own notes; no server may speak in our name
        failure = error_in(value, self._event.decode("ascii", "replace"))
        if isinstance(value, Mapping) and value.get("choices"):
            chunks.append(dict(value))  # text may stand beside the error
        elif failure is None and isinstance(value, dict):
            chunks.append(value)
        self.failure = failure

    def _repair(self, data: bytes, chunks: list[Chunk]) -> Any:
        """Read an event with bytes that are no UTF-8, or an error that is no JSON or was not escaped as such."""
        text = data.decode("utf-8", "replace")
        try:
            value = json.loads(text, strict=False)
        except RecursionError:
            self._fail_nested()
            return None
        except ValueError:
            is_error = self._event == b"error" or text.lstrip().startswith('{"error"')
            return {"error": scrub(text)[:500]} if is_error else None
        if "�" in text and not self._warned:
            self._warned = True
            chunks.append(_BAD_UTF8)
        return value

    def _read_whole_body(self, body: bytes, chunks: list[Chunk]) -> None:
        text = body.decode("utf-8", "replace")
        if text.lstrip().startswith("<"):
            self.failure = NotAnAPIError(
                f"A web page answered where an API was expected: {page_title(text)}.",
                hint="Check the address (it often ends in /v1), your VPN, and whether you must sign in first.",
            )
            return
        try:
            value = json.loads(text, strict=False)
        except RecursionError:
            self._fail_nested()
            return
        except ValueError:
            self._fail_unreadable(body)
            return
        if isinstance(value, list) and value:
            value = value[0]
        self._take(value, chunks)
        if self.failure is None:
            self.done = True
            chunks.append(DONE)

    def _fail_too_large(self, what: str, limit: int) -> None:
        self.failure = TooLargeError(
            f"The server sent more than {limit // MEGABYTE} MiB in one {what}, which is our limit.",
            hint="No model writes that much: check what answers at this address.",
        )

    def _fail_nested(self) -> None:
        self.failure = ProtocolError(
            "The server sent JSON that is nested too deeply to read.",
            hint="No model writes that: check what answers at this address.",
        )

    def _fail_unreadable(self, data: bytes) -> None:
        sample = scrub(data[:_MUCH].decode("utf-8", "replace"))[:100]
        self.failure = ProtocolError(
            f"The server sent an event that is not JSON: {sample!r}.",
            hint="Ask again; if it stays so, tell the people who run the server.",
        )
