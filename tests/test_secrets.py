"""Keys are never shown, whatever a server repeats, and never go where they do not belong."""

from __future__ import annotations

import asyncio
import json
import traceback
from typing import Any

import pytest

from magistral_nb import Client, ConfigurationError, MagistralError
from tests.fake_server import FakeServer
from tests.test_client import GOOD, KEY, events_of

PAGE = f"<html><title>Sign in {KEY}</title></html>".encode()
BROKEN = events_of({"content": "x"}, finish=None)


def shown(error: BaseException) -> str:
    """All that a traceback, a repr or a notebook may show of an error."""
    return repr(error) + str(error) + "".join(traceback.format_exception(error)) + repr(vars(error))


def failing(server: FakeServer, **settings: Any) -> MagistralError:
    client = Client(base_url=server.base_url, model="m", max_retries=0, **{"api_key": KEY, **settings})
    with pytest.raises(MagistralError) as caught:
        client.chat("q")
    return caught.value


@pytest.mark.parametrize(
    ("body", "how"),
    [
        (BROKEN + b'data: {"error": {"message": "bad %s"}}\n\n' % KEY.encode(), {}),
        (BROKEN + b"event: error\ndata: bad %s\n\n" % KEY.encode(), {}),
        (BROKEN + b"data: {not json %s}\n\n" % KEY.encode(), {}),
        (json.dumps({"error": {"message": f"bad {KEY}"}}).encode(), {}),
        (json.dumps({"error": {"message": f"bad {KEY}"}}).encode(), {"status": 401}),
        (PAGE, {}),
        (PAGE, {"status": 502}),
        (b"", {"status": 302, "headers": {"location": f"https://other.example/?key={KEY}"}}),
    ],
)
def test_a_key_that_a_server_repeats_is_taken_out(server: FakeServer, body: bytes, how: dict[str, Any]) -> None:
    server.play(body, **how)
    error = failing(server)
    assert KEY not in shown(error)
    assert "<redacted>" in str(error)


def test_secrets_in_headers_and_addresses_are_taken_out_too(server: FakeServer) -> None:
    told = "token tok-12345678 password hunter2 query qry-87654321"
    server.play_json({"error": {"message": told}}, status=400)
    address = server.base_url.replace("://", "://me:hunter2@")
    client = Client(base_url=f"{address}?api_key=qry-87654321", model="m", default_headers={"X-Token": "tok-12345678"})
    with pytest.raises(MagistralError) as caught:
        client.chat("q")
    everywhere = shown(caught.value) + repr(client) + repr(client.settings) + repr(vars(client))
    for secret in ("hunter2", "qry-87654321"):
        assert secret not in shown(caught.value) + repr(client) + repr(client.settings), secret
    assert "tok-12345678" not in everywhere


@pytest.mark.parametrize("key", [f"{KEY}\n", f" {KEY} ", f"{KEY}\r\n"])
def test_white_space_around_a_key_is_no_part_of_it(server: FakeServer, key: str) -> None:
    server.play(GOOD)
    Client(base_url=server.base_url, model="m", api_key=key).chat("q")
    assert server.requests[-1].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("key", ["", "  ", "sk-é-12345678", "sk-\u200b12345678", "sk-12\n345678", "sk-\x0012345678"])
def test_what_cannot_be_a_key_is_refused_and_not_shown(server: FakeServer, key: str) -> None:
    error = failing(server, api_key=key)
    assert isinstance(error, ConfigurationError)
    assert "The key from api_key=" in error.message
    assert not key.strip() or key not in shown(error)
    with pytest.raises(ConfigurationError):
        asyncio.run(Client(base_url=server.base_url, model="m", api_key=key).achat("q"))
    assert server.requests == []


@pytest.mark.parametrize("key", [KEY, None])
def test_headers_for_openai_go_to_nobody_else(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer sk-OPENAI\nX-Corp-Token: corporate")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    server.play(GOOD)
    Client(base_url=server.base_url, model="m", api_key=key, default_headers={"X-Mine": "1"}).chat("q")
    headers = server.requests[-1].headers
    assert headers.get("authorization") == (f"Bearer {KEY}" if key else None)
    assert "x-corp-token" not in headers
    assert "org-1" not in str(headers)
    assert headers["x-mine"] == "1"
