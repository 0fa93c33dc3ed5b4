"""Which recording answers a question, what is told where none does, and what broken replies leave."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from magistral_nb import (
    Budget,
    CassetteMissError,
    Client,
    ConnectionLostError,
    Endpoint,
    RateLimitError,
    ThinkingDelta,
    record,
    replay,
)
from tests.asking import Ask
from tests.fake_server import FakeServer
from tests.test_cassettes import WHOLE, replies_of, requests_in
from tests.test_cassettes import ask as ask
from tests.test_cassettes import tape as tape
from tests.test_client import client_for, events_of


def test_the_kth_time_gives_the_kth_recording_and_the_last_repeats(server: FakeServer, tape: Path) -> None:
    replies_of(server, tape, "one", "two", "three")
    for _ in range(2):  # each block begins with the first
        with replay(tape):
            assert [Client().chat("Q").answer for _ in range(5)] == ["one", "two", "three", "three", "three"]


def test_recording_again_adds_and_anew_begins_again(server: FakeServer, tape: Path) -> None:
    replies_of(server, tape, "one")
    replies_of(server, tape, "two")
    assert len(requests_in(tape)) == 2
    server.play(events_of({"content": "three"}))
    with record(tape, anew=True):
        client_for(server).chat("Q")
    with replay(tape):
        assert Client().chat("Q").answer == "three"


SENT = {"temperature": 0.1, "seed": 4, "max_tokens": 300, "system": None, "stop": ["x"], "extra_body": {"top_k": 3}}


@pytest.mark.parametrize(("name", "value"), [*SENT.items(), ("model", "other")])
def test_every_setting_that_changes_a_reply_makes_another_question(
    server: FakeServer, tape: Path, name: str, value: Any
) -> None:
    replies_of(server, tape, "one")
    settings: dict[str, Any] = {name: value}
    with (
        replay(tape),
        pytest.raises(CassetteMissError, match={"system": "message", "extra_body": "top_k"}.get(name, name)),
    ):
        Client().chat("Q", **settings)
    server.play(events_of({"content": "two"}))
    with record(tape):
        client_for(server).chat("Q", **settings)
    with replay(tape):
        assert Client().chat("Q", **settings).answer == "two"
        assert Client().chat("Q").answer == "one"


def test_the_window_of_the_place_is_no_part_of_the_question(server: FakeServer, tape: Path) -> None:
    server.play(events_of({"content": "one"}))
    with record(tape):
        Client(Endpoint("a", base_url=server.base_url, model="m", context=5_000, key_needed=False)).chat("Q")
    assert "max_tokens" not in requests_in(tape)[0]["request"]
    with replay(tape):
        assert Client(Endpoint("b", base_url=server.base_url, model="m", context=9_000)).chat("Q").answer == "one"


def test_a_miss_tells_the_nearest_and_asks_nobody(server: FakeServer, tape: Path, ask: Ask) -> None:
    replies_of(server, tape, "No.", question="Is 91 prime?")
    replies_of(server, tape, "Blue.", question="Why is the sky blue?")
    asked = len(server.requests)
    with replay(tape), pytest.raises(CassetteMissError) as caught:
        ask(client_for(server), "Is 93 prime?", temperature=0)
    error = caught.value
    assert error.nearest == "Is 91 prime?"
    for told in ("lesson.jsonl", '"Is 93 prime?" here', '"Is 91 prime?" there', "temperature is 0 here and 0.7 there"):
        assert told in str(error)
    assert len(server.requests) == asked
    with replay(tape), pytest.raises(CassetteMissError, match="Nothing was asked"):
        ask(client_for(server), "Is 93 prime?")


def test_the_nearest_is_played_with_a_notice(server: FakeServer, tape: Path, ask: Ask) -> None:
    replies_of(server, tape, "No.", question="Is 91 prime?")
    replies_of(server, tape, "Blue.", question="Why is the sky blue?")
    asked = len(server.requests)
    with replay(tape, on_miss="nearest"):
        reply, _ = ask(Client(), "Is 93 prime?")
    assert reply.answer == "No."
    assert [notice.code for notice in reply.notices if "Is 91 prime?" in notice.text] == ["cassette_nearest"]
    assert reply.recorded
    assert len(server.requests) == asked


def test_a_live_answer_says_so_and_can_be_recorded(server: FakeServer, tape: Path, ask: Ask) -> None:
    replies_of(server, tape, "one")
    server.play(events_of({"content": "new"}))
    more = tape.with_name("more.jsonl")
    with record(more), replay(tape, on_miss="live"):
        reply, _ = ask(client_for(server), "Other?")
        again, _ = ask(client_for(server), "Q")
    assert (reply.answer, reply.recorded) == ("new", None)
    assert "cassette_live" in [notice.code for notice in reply.notices]
    assert again.recorded
    with replay(more), replay(tape, on_miss="live"):  # one behind the other
        assert [Client().chat(text).answer for text in ("Other?", "Q")] == ["new", "one"]
    assert [one["request"]["messages"][-1]["content"] for one in requests_in(more)] == ["Other?"]


def test_live_with_nothing_set_up_is_a_miss(server: FakeServer, tape: Path, ask: Ask) -> None:
    replies_of(server, tape, "one")
    with replay(tape, on_miss="live"):
        assert ask(Client(), "Q")[0].answer == "one"
        with pytest.raises(CassetteMissError, match="could not be asked live"):
            ask(Client(), "Other?")


def test_a_recording_within_a_replay_never_asks_live(server: FakeServer, tape: Path) -> None:
    replies_of(server, tape, "one")
    copy = tape.with_name("copy.jsonl")
    asked = len(server.requests)
    with replay(tape), record(copy):
        client_for(server).chat("Q")
        with pytest.raises(CassetteMissError):
            client_for(server).chat("Other?")
    assert len(server.requests) == asked
    assert requests_in(copy)[0]["recorded"] == requests_in(tape)[0]["recorded"]
    with replay(copy):
        assert Client().chat("Q").answer == "one"


def test_errors_are_not_recorded(server: FakeServer, tape: Path, ask: Ask) -> None:
    server.play_json({"error": {"message": "slow down"}}, status=429)
    with record(tape), pytest.raises(RateLimitError):
        ask(client_for(server, max_retries=0))
    assert tape.read_bytes() == b""
    server.play_json({"error": {"message": "slow down"}}, status=429, headers={"retry-after": "0"})
    server.play(WHOLE)
    with record(tape):
        ask(client_for(server, max_retries=1))
    assert "slow down" not in tape.read_text("utf-8")
    assert [one["complete"] for one in requests_in(tape)] == [True]


def test_a_reply_that_broke_off_is_kept_for_what_it_is(server: FakeServer, tape: Path, ask: Ask) -> None:
    server.play(events_of({"reasoning": "Hm."}, {"content": "half"}, finish=None), end="cut")
    with record(tape), pytest.raises(ConnectionLostError):
        ask(client_for(server))
    with replay(tape), pytest.raises(ConnectionLostError, match="recording") as caught:
        ask(Client())
    assert caught.value.partial
    assert (caught.value.partial.answer, caught.value.partial.complete) == ("half", False)
    server.play(WHOLE)
    with record(tape):
        ask(client_for(server))
    with replay(tape):
        assert ask(Client())[0].answer == "4"  # a whole one is there now


def test_a_reply_that_its_reader_stopped_is_incomplete(server: FakeServer, tape: Path) -> None:
    server.play(events_of({"reasoning": "Hm."}, finish=None), end="hold")
    with record(tape), client_for(server).stream("Q") as stream:
        for event in stream:
            if isinstance(event, ThinkingDelta):
                break
    assert [one["complete"] for one in requests_in(tape)] == [False]

    async def stop_async() -> None:
        server.play(events_of({"reasoning": "Hm."}, finish=None), end="hold")
        async with client_for(server) as client, client.astream("Q2") as stream:
            async for event in stream:
                if isinstance(event, ThinkingDelta):
                    break

    with record(tape):
        asyncio.run(stop_async())
    assert [one["complete"] for one in requests_in(tape)] == [False, False]


def test_a_budget_ends_a_played_reply_where_it_ended_the_live_one(server: FakeServer, tape: Path, ask: Ask) -> None:
    server.play(events_of(*({"content": f"word{n} "} for n in range(200))))
    with record(tape):
        live, _ = ask(client_for(server, budget=Budget(tokens=100)), "Q", system=None)
    with replay(tape):
        played, _ = ask(Client(budget=Budget(tokens=100)), "Q", system=None)
        with pytest.raises(ConnectionLostError):  # nothing is made up for a reader with more to spend
            ask(Client(), "Q", system=None)
    assert live.finish_reason == played.finish_reason == "budget"
    assert 0 < len(live.answer.split()) < 200
    assert played.answer == live.answer
