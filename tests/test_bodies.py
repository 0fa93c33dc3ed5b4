"""Bodies that are no streams: errors and lists. What is read of them is limited, and what was read is used."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from magistral_nb import (
    APITimeoutError,
    BadRequestError,
    Client,
    ConfigurationError,
    InternalServerError,
    MagistralError,
    NotAnAPIError,
    ProtocolError,
    TooLargeError,
)
from magistral_nb.transports import bodies
from tests.asking import COLOURS
from tests.fake_server import MODELS, FakeServer
from tests.test_client import GOOD
from tests.test_faults import ask, client_at

MEGABYTE = 1024 * 1024
BOMB = gzip.compress(b'{"error": {"message": "CUDA died ' + b"x" * (32 * MEGABYTE), 1)
LIST_BOMB = gzip.compress(b'{"data": [' + b'{"id": "m"},' * (2 * MEGABYTE) + b'{"id": "z"}]}', 1)
ZIPPED = {"content-encoding": "gzip", "content-type": "application/json"}
TOKENIZE = "/tokenize"
SLOW: list[bytes | float] = [b" ", 0.05] * 200


@contextmanager
def little_memory(most: int) -> Iterator[None]:
    """Fail if the block takes more than `most` MiB, or more than 5 seconds."""
    began = time.monotonic()
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most * MEGABYTE
    finally:
        tracemalloc.stop()
    assert time.monotonic() - began < 5


def list_models(colour: str, client: Client) -> list[str] | MagistralError:
    async def listing() -> list[str]:
        async with client:
            return await client.amodels()

    try:
        return client.models() if colour == "sync" else asyncio.run(listing())
    except MagistralError as failure:
        return failure


@pytest.mark.parametrize("colour", COLOURS)
def test_the_words_of_an_error_are_read_up_to_a_limit(server: FakeServer, colour: str) -> None:
    server.play(GOOD)
    server.play(BOMB, status=400, headers=ZIPPED)
    server.play(GOOD)
    client = client_at(server.base_url)
    ask(colour, client)  # so that what is imported on the first question does not count
    with little_memory(12):
        _, failure = ask(colour, client)
    assert isinstance(failure, BadRequestError)
    assert "CUDA died" in failure.message
    assert len(str(failure)) < 1_200
    assert len(str(failure.__cause__)) < 3_000
    assert server.wait_closed(1)  # the rest was not read
    assert COLOURS[colour](client)[0].answer == "4"


def test_a_long_message_of_an_error_is_cut_where_it_is_shown(server: FakeServer) -> None:
    server.play_json({"error": {"message": "no " + "x" * 900_000}}, status=400)
    _, failure = ask("sync", client_at(server.base_url))
    assert isinstance(failure, BadRequestError)
    assert len(str(failure)) < 1_200
    assert len(str(failure.__cause__)) < 3_000


def test_after_an_error_the_connection_is_used_again(server: FakeServer) -> None:
    server.play_json({"error": {"message": "no"}}, status=400)
    server.play(GOOD)
    client = client_at(server.base_url)
    assert isinstance(ask("sync", client)[1], BadRequestError)
    assert client.chat("hi").answer == "4"

    async def both() -> None:
        async with client:
            for _ in range(3):
                await client.achat("hi")

    asyncio.run(both())
    assert server.connections == 2  # one for each colour


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("end", ["hold", "cut", "reset"])
def test_an_error_whose_words_do_not_end_is_told_all_the_same(
    server: FakeServer, colour: str, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "ERROR_PATIENCE", 0.2)
    server.play(b"The disk is full", status=500, end=end)
    began = time.monotonic()
    _, failure = ask(colour, client_at(server.base_url, max_retries=0))
    assert isinstance(failure, InternalServerError)
    assert "500: The disk is full" in failure.message
    assert time.monotonic() - began < 3


def test_the_words_of_an_error_get_no_more_time_than_the_question(server: FakeServer) -> None:
    server.play([b"The disk is full", *SLOW], status=500)
    began = time.monotonic()
    _, failure = ask("sync", client_at(server.base_url, max_retries=0, timeout=0.3))
    assert isinstance(failure, InternalServerError)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("colour", COLOURS)
def test_a_list_of_models_has_a_limit(server: FakeServer, colour: str) -> None:
    server.play(LIST_BOMB, path=MODELS, headers=ZIPPED)
    with little_memory(40):
        failure = list_models(colour, client_at(server.base_url))
    assert isinstance(failure, TooLargeError)
    assert "8 MiB as its list of models" in failure.message
    assert server.wait_closed(1)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_long_list_within_the_limit_is_read(server: FakeServer, colour: str) -> None:
    names = [f"model-{number}" for number in range(20_000)]
    body = gzip.compress(json.dumps({"data": [{"id": name} for name in names]}).encode())
    server.play(body, path=MODELS, headers=ZIPPED)
    assert list_models(colour, client_at(server.base_url)) == names


@pytest.mark.parametrize("colour", COLOURS)
def test_what_is_no_list_of_models_is_said(server: FakeServer, colour: str) -> None:
    server.play(b"<title>Campus sign-in</title>", path=MODELS)
    server.play(b"{not json", path=MODELS)
    failure = list_models(colour, client_at(server.base_url))
    assert isinstance(failure, NotAnAPIError)
    assert "Campus sign-in" in failure.message
    assert isinstance(list_models(colour, client_at(server.base_url)), ProtocolError)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_list_of_models_that_does_not_end_is_given_up(
    server: FakeServer, colour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "DOCUMENT_PATIENCE", 0.15)
    server.play([b'{"data": [', *SLOW], path=MODELS)
    began = time.monotonic()
    failure = list_models(colour, client_at(server.base_url))
    assert isinstance(failure, APITimeoutError)
    assert "within 0.15 s" in failure.message
    assert "Timeouts(" not in failure.hint  # this limit cannot be set
    assert time.monotonic() - began < 3


def test_a_count_of_tokens_has_a_limit(server: FakeServer) -> None:
    bomb = gzip.compress(b'{"tokens": [' + b"1," * (12 * MEGABYTE) + b"1]}", 1)
    server.play(bomb, path=TOKENIZE, headers=ZIPPED)
    server.play(b"<html>", path=TOKENIZE)
    client = client_at(server.base_url)
    with little_memory(40), pytest.raises(TooLargeError, match="count of tokens"):
        client.count_tokens("hi")
    with pytest.raises(ConfigurationError, match="does not say how many tokens"):
        client.count_tokens("hi")
