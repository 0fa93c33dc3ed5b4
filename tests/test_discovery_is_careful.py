"""Looking for servers on this machine: what is not sent, what is passed over, and how long it may take."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from magistral_nb import Client
from magistral_nb.transports.discovery import MOST_BYTES, Place, find_servers, places_of
from tests.bombs import gzip_bomb
from tests.fake_server import MODELS, FakeServer, Script
from tests.test_client import KEY
from tests.test_discovery import MAGISTRAL, QWEN, lists, port_that_says
from tests.test_discovery import other as other
from tests.test_discovery import two as two


def test_no_proxy_no_key_and_no_redirect(two: FakeServer, server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAGISTRAL_API_KEY", KEY)
    with FakeServer() as elsewhere, FakeServer() as proxy, FakeServer() as signpost:
        signpost.play(b"", path=MODELS, status=307, headers={"location": f"{elsewhere.url}/v1/models"})
        lists(elsewhere, MAGISTRAL)
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert find_servers([Place(signpost.base_url, ())]) == []
        assert len(signpost.requests) == 1
        Client("auto").chat("hi")
        assert elsewhere.connections == proxy.connections == 0
    assert server.requests[0].headers["accept-encoding"] == "identity"  # nothing to unpack
    sent = "".join(str(request.headers) for request in [*server.requests, *two.requests])
    assert "authorization" not in sent.lower()
    assert KEY not in sent


NOT_SERVERS: dict[str, Script] = {
    "silence": Script(head_bytes=0, end="hold"),
    "half a head": Script(head_bytes=10, end="hold"),
    "a slow head": Script(head_pause=0.1),
    "404": Script(b'{"error": "nothing"}', 404),
    "a web page": Script(b"<html><title>Hub</title></html>", headers={"content-type": "text/html"}),
    "an endless stream": Script([b"data: {}\n\n", 0.05] * 1000),
    "too much": Script(b" " * (MOST_BYTES + 1) + b'{"object": "list", "data": []}'),
    "a bomb": Script(gzip_bomb(b'{"object": "list"}', 10), headers={"content-encoding": "gzip"}),
    "cut off": Script(b'{"object": "list"}', end="cut"),
    "other JSON": Script(b'{"data": [{"id": 1}, "x", {"name": "y"}]}'),
    "no list": Script(b"[1, 2, 3]"),
    "deep JSON": Script(b"[" * 100_000),
    "an escape sequence": Script(b'{"data": [{"id": "\\u001b]52;c;eA==\\u0007"}]}'),
    "an endless name": Script(json.dumps({"data": [{"id": "m" * 10_000}]}).encode()),
    "an error": Script(b'{"object": "list", "data": []}', 500),
}


def test_what_is_no_such_server_is_passed_over_in_time(other: FakeServer) -> None:
    """All of them at once, since each takes as long as a server may take to answer."""
    lists(other, QWEN)
    with ExitStack() as stack:
        servers = {what: stack.enter_context(FakeServer()) for what in NOT_SERVERS}
        for what, server in servers.items():
            server.play(NOT_SERVERS[what], path=MODELS)
        places = [Place(server.base_url, (what,)) for what, server in servers.items()]
        began = time.monotonic()
        found = find_servers([*places, Place(other.base_url, ())])
        assert time.monotonic() - began < 1
    assert [(one.row_name, one.base_url) for one in found] == [(None, other.base_url)]


@pytest.mark.parametrize("again", [False, True])
def test_a_port_that_speaks_something_else_is_passed_over(again: bool) -> None:
    said = (
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x16\x03\x01\x02\x00",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"\x00" * 5000,
    )
    with ExitStack() as stack:
        urls = [stack.enter_context(port_that_says(words, again=again)) for words in said]
        began = time.monotonic()
        assert find_servers([Place(url, ()) for url in urls]) == []
        assert time.monotonic() - began < 1


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(head=st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 "]), rest=st.binary())
def test_no_bytes_make_looking_fail(head: bytes, rest: bytes) -> None:
    with FakeOnce(head + rest) as url:
        find_servers([Place(url, ("ollama", "litellm"))])


class FakeOnce:
    """A port that says something and hangs up."""

    def __init__(self, words: bytes) -> None:
        self._words = words
        self._listener = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> str:
        threading.Thread(target=self._serve, daemon=True).start()
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
        try:
            connection, _ = self._listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(self._words)
        except OSError:
            pass


def test_all_ports_are_asked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes connections and never answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        assert find_servers([Place(f"{url}/{number}", ()) for number in range(12)]) == []
        assert 0.3 < time.monotonic() - began < 1


def test_places_are_on_this_machine_only_and_each_once() -> None:
    urls = [
        ("vllm", "http://127.0.0.1:8000/v1"),
        ("far", "https://api.example.com/v1"),
        ("transformers-serve", "http://localhost:8000/v1/"),
        ("lan", "http://192.168.1.5:8000/v1"),
        ("trick", "http://127.0.0.1.example.com:8000/v1"),
        ("user", "http://127.0.0.1@example.com/v1"),
        ("tls", "https://127.0.0.1:8000/v1"),
        ("demo", ""),
        ("bare", "http://localhost"),
    ]
    assert places_of(urls) == [
        Place("http://127.0.0.1:8000/v1", ("vllm", "transformers-serve")),
        Place("http://127.0.0.1:80", ("bare",)),
    ]
