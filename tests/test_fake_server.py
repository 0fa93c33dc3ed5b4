"""The fake server is exact: clients read what it was told to send, to the byte, and meet its faults."""

from __future__ import annotations

import gzip
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trustme

from tests.fake_server import CHAT, MODELS, FakeServer

DIALECTS = sorted((Path(__file__).parent / "data" / "dialects").glob("*.sse"))
EVENTS = 'data: {"choices": [{"delta": {"content": "é → 𝛼"}}]}\r\n\r\ndata: [DONE]\n\n'.encode()
ASK = b"POST /v1/chat/completions HTTP/1.1\r\nhost: here\r\ncontent-length: 2\r\n\r\n{}"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx2.Client]:
    """Give one client for all tests: to read the system's certificates for each takes most of the time."""
    with httpx2.Client() as client:
        yield client


def everything(server: FakeServer, *, question: bytes = ASK) -> bytes:
    """Ask through a bare socket, and return all bytes until the server closes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(question)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def unchunked(wire: bytes) -> list[bytes]:
    """Return the HTTP chunks of a body, and insist on the proper end."""
    chunks = []
    while wire != b"0\r\n\r\n":
        size, _, rest = wire.partition(b"\r\n")
        chunks.append(rest[: int(size, 16)])
        assert rest[int(size, 16) :][:2] == b"\r\n"
        wire = rest[int(size, 16) + 2 :]
    return chunks


@pytest.mark.parametrize("slice_", [1, 7, 0])
def test_a_bare_socket_reads_each_slice_as_a_chunk_of_its_own(server: FakeServer, slice_: int) -> None:
    server.play(EVENTS, slice=slice_, headers={"connection": "close"})
    head, _, body = everything(server).partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 200 OK",
        b"content-type: text/event-stream",
        b"transfer-encoding: chunked",
        b"connection: close",
    ]
    chunks = unchunked(body)
    assert b"".join(chunks) == EVENTS
    assert {len(chunk) for chunk in chunks[:-1]} <= {slice_}


@pytest.mark.parametrize("slice_", [1, 7, 0])
@pytest.mark.parametrize(("framing", "header"), [("length", b"content-length: 76"), ("close", b"connection: close")])
def test_a_body_that_is_not_chunked_is_exact_too(server: FakeServer, slice_: int, framing: str, header: bytes) -> None:
    server.play(EVENTS, slice=slice_, framing=framing)
    last_question = ASK.replace(b"host", b"connection: close\r\nhost")
    head, _, body = everything(server, question=last_question).partition(b"\r\n\r\n")
    assert header in head.split(b"\r\n")
    assert body == EVENTS


@pytest.mark.parametrize("slice_", [1, 7, 0])
@pytest.mark.parametrize("recording", DIALECTS, ids=lambda path: path.stem)
def test_httpx2_reads_every_recorded_stream_exactly(
    server: FakeServer, client: httpx2.Client, recording: Path, slice_: int
) -> None:
    server.play(recording.read_bytes(), slice=slice_)
    assert client.post(server.base_url + "/chat/completions", json={}).content == recording.read_bytes()


def test_scripts_are_played_in_order_and_the_last_repeats(server: FakeServer) -> None:
    server.play_json({"error": {"message": "busy"}}, status=429, headers={"retry-after": "1"})
    server.play(b"data: [DONE]\n\n")
    with httpx2.Client(base_url=server.base_url) as client:
        replies = [client.post("/chat/completions", json={"n": n}) for n in range(3)]
    assert [reply.status_code for reply in replies] == [429, 200, 200]
    assert replies[0].headers["retry-after"] == "1"
    assert replies[0].headers["content-type"] == "application/json"
    assert replies[2].headers["content-type"] == "text/event-stream"
    assert [request.json() for request in server.requests] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert server.connections == 1


def test_each_path_has_its_own_scripts_and_an_unknown_one_is_404(server: FakeServer) -> None:
    server.play_json({"data": [{"id": "magistral-small"}]}, path=MODELS)
    assert httpx2.get(server.base_url + "/models?limit=1").json()["data"][0]["id"] == "magistral-small"
    reply = httpx2.post(server.base_url + "/chat/completions", json={})
    assert (reply.status_code, CHAT in reply.text) == (404, True)


def test_a_request_is_written_down_as_it_came(server: FakeServer) -> None:
    server.play(b"data: [DONE]\n\n")
    httpx2.post(server.base_url + "/chat/completions", content=b'{"a": "\xc3\xa9"}', headers={"X-Thing": "Yes"})
    request = server.requests[0]
    assert (request.method, request.path, request.headers["x-thing"]) == ("POST", CHAT, "Yes")
    assert (request.body, request.json()) == (b'{"a": "\xc3\xa9"}', {"a": "é"})
    assert request.sent == len(b"data: [DONE]\n\n")


def test_a_silence_in_the_body_takes_its_time(server: FakeServer) -> None:
    server.play([b"data: 1\n\n", 0.2, b"data: 2\n\n"])
    arrived = []
    with httpx2.stream("POST", server.base_url + "/chat/completions", json={}) as reply:
        for piece in reply.iter_raw():
            arrived.append((piece, time.monotonic()))
    assert [piece for piece, _ in arrived] == [b"data: 1\n\n", b"data: 2\n\n"]
    assert arrived[1][1] - arrived[0][1] > 0.15


def test_gzip_passes_through(server: FakeServer) -> None:
    server.play(gzip.compress(EVENTS), slice=5, headers={"Content-Encoding": "gzip"})
    assert httpx2.post(server.base_url + "/chat/completions", json={}).content == EVENTS


def test_cut_ends_with_fin_and_reset_with_rst_and_neither_ends_the_body(server: FakeServer) -> None:
    server.play(EVENTS, end="cut")
    assert everything(server).endswith(EVENTS + b"\r\n")
    server.play(EVENTS, end="reset")
    with pytest.raises(ConnectionResetError):
        everything(server)
    server.play(EVENTS, end="cut")
    with pytest.raises(httpx2.RemoteProtocolError):
        httpx2.post(server.base_url + "/chat/completions", json={})


@pytest.mark.parametrize(("head_bytes", "expected"), [(0, b""), (9, b"HTTP/1.1 ")])
def test_the_head_can_be_missing_or_torn(server: FakeServer, head_bytes: int, expected: bytes) -> None:
    server.play(EVENTS, head_bytes=head_bytes, end="cut")
    assert everything(server) == expected


def test_the_head_can_come_one_byte_at_a_time(server: FakeServer) -> None:
    server.play(EVENTS, framing="close", head_bytes=12, head_pause=0.02, end="cut")
    started = time.monotonic()
    assert everything(server) == b"HTTP/1.1 200"
    assert time.monotonic() - started > 0.2


@pytest.mark.parametrize("how", [{"end": "hold"}, {"slice": 1, "pause": 0.05}, {"head_bytes": 0, "end": "hold"}])
def test_the_server_sees_at_once_that_the_client_has_gone(server: FakeServer, how: dict[str, Any]) -> None:
    server.play(EVENTS, **how)
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(ASK)
        assert server.wait_for(lambda: len(server.requests) == 1)
        assert not server.wait_closed(timeout=0.1)
        left_at = time.monotonic()
    assert server.wait_closed()
    request = server.requests[0]
    assert request.closed_at is not None
    assert request.closed_at - left_at < 0.05
    assert not request.finished


def test_a_client_that_stays_and_one_that_leaves_after_the_answer(server: FakeServer) -> None:
    server.play(EVENTS)
    with httpx2.Client() as client:
        client.post(server.base_url + "/chat/completions", json={})
        assert server.wait_for(lambda: server.requests[0].finished)
        assert not server.wait_closed(timeout=0.05)
    assert server.wait_closed()


def test_a_client_that_does_not_read_holds_nothing_up() -> None:
    with FakeServer() as server, socket.create_connection(("127.0.0.1", server.port)) as connection:
        server.play(b"x" * (32 << 20))  # more than the buffers of both sides take
        connection.sendall(ASK)
        assert server.wait_for(lambda: len(server.requests) == 1)
        started = time.monotonic()
        server.__exit__()
        assert time.monotonic() - started < 1
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))


def test_a_proxied_request_finds_its_path(server: FakeServer) -> None:
    server.play(EVENTS)
    with httpx2.Client(proxy=server.url) as client:
        assert client.post("http://elsewhere.invalid/v1/chat/completions", json={}).content == EVENTS
    assert server.requests[0].headers["host"] == "elsewhere.invalid"


def test_a_certificate_is_only_accepted_by_who_trusts_its_authority(
    secure_server: FakeServer, authority: trustme.CA
) -> None:
    secure_server.play(EVENTS, slice=7)
    ask = secure_server.base_url + "/chat/completions"
    with pytest.raises(httpx2.ConnectError):
        httpx2.post(ask, json={})
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    assert httpx2.post(ask, json={}, verify=trusting).content == EVENTS


def play_what_cannot_be_sent() -> None:
    with FakeServer() as server:
        server.play([b"data: 1\n\n", "not bytes"])  # type: ignore[list-item]  # the mistake
        with pytest.raises(httpx2.RemoteProtocolError):
            httpx2.post(server.base_url + "/chat/completions", json={})


def test_a_mistake_in_a_test_is_not_hidden() -> None:
    with pytest.raises(TypeError):
        play_what_cannot_be_sent()
