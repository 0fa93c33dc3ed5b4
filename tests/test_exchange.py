"""What a reader of a stream sees when it fails, and when it is tried again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from magistral_nb import AnswerDelta, Client, ConnectionLostError, Event, Started, Timeouts
from tests.asking import COLOURS
from tests.fake_server import FakeServer
from tests.test_client import GOOD, client_for, events_of


def events_until_it_fails(client: Client, colour: str) -> list[Event]:
    seen: list[Event] = []

    def read() -> None:
        with client.stream("q") as stream:
            seen.extend(stream)  # extend keeps what came before an error

    async def aread() -> None:
        async with client, client.astream("q") as stream:
            async for event in stream:
                seen.append(event)

    with pytest.raises(ConnectionLostError) as caught:
        read() if colour == "sync" else asyncio.run(aread())
    assert caught.value.partial
    assert caught.value.partial.answer == "<thi"
    return seen


@pytest.mark.parametrize("colour", COLOURS)
def test_what_was_held_back_comes_out_before_the_error(server: FakeServer, colour: str) -> None:
    server.play(events_of({"content": "<thi"}, finish=None), end="cut")
    seen = events_until_it_fails(client_for(server), colour)
    assert "".join(one.text for one in seen if isinstance(one, AnswerDelta)) == "<thi"


@pytest.mark.parametrize("colour", COLOURS)
def test_a_question_that_is_asked_once_more_with_what_fits_starts_once(server: FakeServer, colour: Any) -> None:
    overflow = "This model's maximum context length is 8192 tokens. However, you requested 41000 tokens."
    server.play_json({"error": {"message": overflow}}, status=400)
    server.play(GOOD)
    _, events = COLOURS[colour](client_for(server), "q")
    assert [type(event) for event in events].count(Started) == 1
    assert len(server.requests) == 2
    assert server.requests[1].json()["max_tokens"] < 8192


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("end", ["cut", "reset", "hold"])
def test_a_reply_that_has_ended_is_whole_whatever_the_connection_does_then(
    server: FakeServer, colour: str, end: str
) -> None:
    body = GOOD.removesuffix(b"data: [DONE]\n\n")
    server.play(body, end=end)
    reply, events = COLOURS[colour](client_for(server, timeout=Timeouts(between_events=0.15)), "q")
    assert (reply.thinking, reply.answer, reply.complete) == ("Two.", "4", True)
    assert events[-1].type == "done"
    assert len(server.requests) == 1
