"""Answers that do not fit their form: one more request, and what is left if that fails."""

from __future__ import annotations

import pytest

from magistral_nb import (
    ConnectionLostError,
    InternalServerError,
    ProtocolError,
)
from tests.asking import COLOURS
from tests.fake_server import FakeServer
from tests.test_client import client_for, events_of, sent
from tests.test_structured import BAD, GOOD, Prime, says


@pytest.mark.parametrize("colour", COLOURS)
def test_one_request_repairs_an_answer_and_is_shown(server: FakeServer, colour: str) -> None:
    server.play(says(BAD, thinking="First.", usage=(100, 20, 5)))
    server.play(says(GOOD, thinking="Second.", usage=(150, 30, 7)))
    reply, events = COLOURS[colour](client_for(server), "Is 91 prime?", response_format=Prime)
    assert (reply.parsed, reply.answer, reply.complete) == (Prime(number=91), GOOD, True)
    assert reply.thinking == f"First.{BAD}\n\nSecond."
    assert len(server.requests) == 2
    assert reply.usage
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.reasoning_tokens) == (250, 50, 12)
    (notice,) = [notice for notice in reply.notices if notice.code == "answer_repaired"]
    assert "number: Field required" in notice.text
    kinds = [event.type for event in events]
    assert [kinds.count(kind) for kind in ("started", "reclassified", "usage", "done")] == [1, 1, 1, 1]
    assert kinds[0] == "started"
    assert kinds[-2:] == ["usage", "done"]
    assert [event.at for event in events] == sorted(event.at for event in events)
    question, draft, complaint = sent(server)["messages"][1:]
    assert (question["role"], draft["role"], complaint["role"]) == ("user", "assistant", "user")
    assert draft["content"] == BAD
    assert "number: Field required" in complaint["content"]
    assert sent(server)["response_format"] == server.requests[0].json()["response_format"]


@pytest.mark.parametrize("colour", COLOURS)
def test_never_more_than_one_and_the_error_keeps_the_text(server: FakeServer, colour: str) -> None:
    server.play(says(BAD, usage=(100, 20, 5)))
    server.play(says("I cannot.", usage=(100, 20, 5)))
    with pytest.raises(ProtocolError, match=r"Prime: it holds no JSON\. It was asked once more, in vain") as caught:
        COLOURS[colour](client_for(server), "hi", response_format=Prime)
    assert len(server.requests) == 2
    partial = caught.value.partial
    assert partial
    assert (partial.answer, partial.parsed, partial.finish_reason) == ("I cannot.", None, "stop")
    assert BAD in partial.thinking
    assert partial.usage
    assert partial.usage.prompt_tokens == 200
    assert "partial.answer" in caught.value.hint
    assert caught.value.model == "magistral-small"


@pytest.mark.parametrize(("finish", "says_so"), [("length", "more max_tokens"), ("content_filter", "content_filter")])
def test_an_answer_that_was_cut_off_is_not_asked_for_again(server: FakeServer, finish: str, says_so: str) -> None:
    server.play(says('{"number": 9', finish=finish))
    with pytest.raises(ProtocolError, match=says_so) as caught:
        client_for(server).chat("hi", response_format=Prime)
    assert len(server.requests) == 1
    assert caught.value.partial
    assert caught.value.partial.answer == '{"number": 9'


def test_an_empty_answer_is_asked_for_again_in_the_same_turn(server: FakeServer) -> None:
    server.play(events_of({"reasoning": "Hm."}))
    server.play(says(GOOD))
    reply = client_for(server).chat("hi", response_format=Prime, system=None)
    assert reply.parsed == Prime(number=91)
    (message,) = sent(server)["messages"]  # two questions in a row are refused by Mistral's templates
    assert "it is empty" in message["content"]


@pytest.mark.parametrize("colour", COLOURS)
def test_a_second_request_that_fails_leaves_the_first_answer(server: FakeServer, colour: str) -> None:
    server.play(says(BAD, usage=(100, 20, 5)))
    server.play_json({"error": {"message": "down"}}, status=500)
    with pytest.raises(InternalServerError) as caught:
        COLOURS[colour](client_for(server, max_retries=0), "hi", response_format=Prime)
    partial = caught.value.partial
    assert partial
    assert (partial.answer, partial.complete) == (BAD, False)
    assert partial.usage
    assert partial.usage.prompt_tokens == 100


def test_a_second_request_that_breaks_off_keeps_both(server: FakeServer) -> None:
    server.play(says(BAD))
    server.play(events_of({"content": '{"numb'}, finish=None))
    with pytest.raises(ConnectionLostError) as caught:
        client_for(server).chat("hi", response_format=Prime)
    partial = caught.value.partial
    assert partial
    assert (partial.answer, partial.complete) == ('{"numb', False)
    assert BAD in partial.thinking
