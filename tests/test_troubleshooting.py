"""The page of errors is made of errors: each is provoked here, and the page says what a user really reads.

`MAGISTRAL_UPDATE_DOCS=1 pytest tests/test_troubleshooting.py` writes the page anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from magistral_nb import Client, MagistralError
from tests.fake_server import CHAT, MODELS, FakeServer

PAGE = Path(__file__).parents[1] / "docs" / "troubleshooting.md"
UPDATE = bool(os.environ.get("MAGISTRAL_UPDATE_DOCS"))  # read before the tests clean the environment
INTRODUCTION = """# Troubleshooting

Each heading is something that goes wrong; below it is what you read then. This page is written by
`tests/test_troubleshooting.py`, which provokes every one of these errors.
"""

Provoke = Callable[[FakeServer], Client]


def _client(url: str, model: str = "magistral-small") -> Client:
    return Client(base_url=url, model=model, api_key="sk-my-key", max_retries=0)


def wrong_address(server: FakeServer) -> Client:
    return _client("https://no-such-host.invalid/v1")


def missing_v1(server: FakeServer) -> Client:
    server.play_json({"detail": "Not Found"}, status=404, path="/chat/completions")
    return _client(server.url)


def web_page(server: FakeServer) -> Client:
    server.play(b"<html><title>Sign in to Campus</title></html>", headers={"content-type": "text/html"})
    return _client(server.base_url)


def wrong_model(server: FakeServer) -> Client:
    error = {"message": "The model `magistral` does not exist.", "type": "NotFoundError", "code": 404}
    server.play_json({"error": error}, status=404)
    server.play_json({"data": [{"id": "magistral-small-2509"}, {"id": "qwen3-32b"}]}, path=MODELS)
    return _client(server.base_url, "magistral")


def stopped_server(server: FakeServer) -> Client:
    server.__exit__()
    return _client(server.base_url)


def wrong_key(server: FakeServer) -> Client:
    server.play_json({"error": {"message": "Invalid API key: sk-my-key"}}, status=401)
    return _client(server.base_url)


def no_money(server: FakeServer) -> Client:
    error = {"message": "Budget has been exceeded! Current cost: 5.01, Max budget: 5.0", "type": "budget_exceeded"}
    server.play_json({"error": error}, status=400)
    return _client(server.base_url)


def too_long(server: FakeServer) -> Client:
    words = "This model's maximum context length is 32768 tokens. However, your request has 90000 input tokens."
    server.play_json({"error": {"message": words}}, status=400)
    return _client(server.base_url)


def cut_reply(server: FakeServer) -> Client:
    server.play(b'data: {"choices": [{"delta": {"content": "The answer is"}}]}\n\n')
    return _client(server.base_url)


def no_key(server: FakeServer) -> Client:
    return Client("navigator")


def nothing_set_up(server: FakeServer) -> Client:
    return Client()


def unknown_endpoint(server: FakeServer) -> Client:
    return Client("navigater")


CASES: dict[str, Provoke] = {
    "Nothing is set up": nothing_set_up,
    "A misspelt endpoint": unknown_endpoint,
    "No key": no_key,
    "A wrong key": wrong_key,
    "The budget of the key is used up": no_money,
    "A wrong address": wrong_address,
    "The address lacks /v1": missing_v1,
    "A sign-in page answers": web_page,
    "The server is stopped": stopped_server,
    "A wrong model id": wrong_model,
    "The question is too long": too_long,
    "The reply is cut off": cut_reply,
}


def told(provoke: Provoke) -> str:
    server = FakeServer().__enter__()
    try:
        with pytest.raises(MagistralError) as caught:
            provoke(server).chat("hi")
    finally:
        if not server.stopping:
            server.__exit__()
    error = caught.value
    assert error.hint, "an error must say what to do next"
    assert "sk-my-key" not in str(error)
    without_port = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8000", f"{type(error).__name__}: {error}")
    return without_port.replace("Name or service not known", "no such host")


def test_the_page_says_what_users_read() -> None:
    sections = [f"## {title}\n\n> {told(provoke)}\n" for title, provoke in CASES.items()]
    page = "\n".join([INTRODUCTION, *sections])
    if UPDATE:
        PAGE.write_text(page, encoding="utf-8")
    assert PAGE.read_text("utf-8") == page
    assert CHAT
