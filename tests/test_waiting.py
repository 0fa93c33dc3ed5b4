"""How long a client waits, what costs time and what does not, and what is said meanwhile."""

from __future__ import annotations

import asyncio
import time

import pytest

from magistral_nb import APITimeoutError, InternalServerError, RateLimitError, StreamStalledError, Timeouts, Waiting
from magistral_nb.transports.clocks import Clocks
from tests.asking import COLOURS
from tests.fake_server import FakeServer
from tests.test_client import GOOD
from tests.test_faults import BEGUN, answers, ask, client_at, error, loads_for_a_while
from tests.test_faults import short_pauses as short_pauses


def test_only_waits_count_and_every_event_begins_a_new_one() -> None:
    now = [0.0]
    clocks = Clocks(Timeouts(first_event=5, between_events=2, total=None), now=lambda: now[0])
    with clocks:
        now[0] = 4.0
        assert clocks.left() == 1
    now[0] = 100.0  # the reader looked away
    with clocks:
        assert clocks.left() == 1
        assert isinstance(clocks.error(place="p", name="n"), APITimeoutError)
    clocks.event()
    with clocks:
        assert clocks.left() == 2
        assert isinstance(clocks.error(place="p", name="n"), StreamStalledError)


def test_the_total_counts_all_time() -> None:
    now = [0.0]
    clocks = Clocks(Timeouts(first_event=None, between_events=None, total=10), now=lambda: now[0])
    now[0] = 11.0
    with clocks:
        assert clocks.left() == -1
    assert "the total that was allowed" in str(clocks.error(place="p", name="n"))
    assert not clocks.allows_pause(0)


@pytest.mark.parametrize("colour", COLOURS)
def test_what_the_reader_does_meanwhile_costs_no_time(colour: str, server: FakeServer) -> None:
    """A reader who looks away for longer than the clocks allow loses nothing: the server was not slow."""
    server.play([BEGUN, 0.2, GOOD])
    client = client_at(server.base_url, timeout=Timeouts(first_event=0.3, between_events=0.15))
    looks_away = {0: 0.35, 1: 0.2, 2: 0.2}
    if colour == "sync":
        with client.stream("hi") as stream:
            for number, _ in enumerate(stream):
                time.sleep(looks_away.get(number, 0))
    else:

        async def slowly() -> None:
            async with client, client.astream("hi") as stream:
                number = 0
                async for _ in stream:
                    await asyncio.sleep(looks_away.get(number, 0))
                    number += 1

        asyncio.run(slowly())
    assert len(server.requests) == 1


@pytest.mark.parametrize("colour", COLOURS)
def test_waits_are_told_with_their_length(colour: str, server: FakeServer) -> None:
    answers(429, error("slow down"), then=GOOD, headers={"retry-after": "0.1"})(server)
    began = time.monotonic()
    _, events = COLOURS[colour](client_at(server.base_url), "hi")
    assert [(event.why, event.seconds) for event in events if isinstance(event, Waiting)] == [("retry", 0.1)]
    assert time.monotonic() - began >= 0.1


@pytest.mark.parametrize("colour", COLOURS)
def test_a_pause_that_would_outlast_the_total_is_not_begun(colour: str, server: FakeServer) -> None:
    answers(429, error("slow down"), headers={"retry-after": "30"})(server)
    began = time.monotonic()
    _, failure = ask(colour, client_at(server.base_url, timeout=Timeouts(total=5)))
    assert isinstance(failure, RateLimitError)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("colour", COLOURS)
def test_no_retries_means_none(colour: str, server: FakeServer) -> None:
    loads_for_a_while(server)
    _, failure = ask(colour, client_at(server.base_url, max_retries=0))
    assert isinstance(failure, InternalServerError)
    assert len(server.requests) == 1


def test_loading_is_said_while_waiting(server: FakeServer) -> None:
    loads_for_a_while(server)
    _, events = COLOURS["sync"](client_at(server.base_url), "hi")
    assert [event.why for event in events if isinstance(event, Waiting)] == ["loading"] * 5


def test_failures_that_may_pass_are_tried_again_before_the_first_word(server: FakeServer) -> None:
    server.play_json({"error": {"message": "busy"}}, status=503, headers={"retry-after": "0"})
    server.play(b"data: {}\n\n")  # a stream that ends before it began
    server.play(GOOD)
    with client_at(server.base_url).stream("hi") as stream:
        kinds = [event.type for event in stream]
    assert stream.reply.answer == "4"
    assert kinds[:3] == ["started", "waiting", "waiting"]
    assert len(server.requests) == 3
