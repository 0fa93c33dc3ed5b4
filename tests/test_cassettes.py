"""Recording and playing: what a class without keys sees, and what a cassette never holds."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from magistral_nb import (
    Budget,
    CassetteMissError,
    Client,
    ConfigurationError,
    ConnectionLostError,
    Endpoint,
    MissingKeyError,
    RateLimitError,
    Reply,
    Started,
    ThinkingDelta,
    record,
    replay,
)
from magistral_nb.cassettes import running
from magistral_nb.tokens import CHARACTERS
from tests.asking import COLOURS, Ask
from tests.fake_server import MODELS, FakeServer
from tests.test_client import client_for, events_of

EXPENSIVE = "sk-planted-0123456789abcdef"
USAGE = b'data: {"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 7}}\n\ndata: [DONE]\n\n'
WHOLE = (
    events_of({"reasoning": "Two"}, {"reasoning": " and two."}, {"content": "4"})[: -len(b"data: [DONE]\n\n")] + USAGE
)


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    return tmp_path / "lesson.jsonl"


@pytest.fixture
def quick_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Estimate from the length: loading a vocabulary takes seconds."""
    monkeypatch.setattr("magistral_nb.tokens._shipped_vocabulary", lambda: CHARACTERS)


@pytest.fixture(params=list(COLOURS.values()), ids=list(COLOURS))
def ask(request: pytest.FixtureRequest) -> Ask:
    chosen: Ask = request.param
    return chosen


def lines(tape: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in tape.read_text("utf-8").split("\n") if line]


def requests_in(tape: Path) -> list[dict[str, Any]]:
    return [line for line in lines(tape) if line["type"] == "request"]


def counts(reply: Reply) -> tuple[object, ...]:
    return (reply.usage and (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.cost)) or ()


def replies_of(server: FakeServer, tape: Path, *answers: str, question: str = "Q") -> None:
    """Record these answers to one question."""
    for answer in answers:
        server.play(events_of({"content": answer}))
    with record(tape), client_for(server) as client:
        for _ in answers:
            client.chat(question)


def test_what_was_recorded_is_played_with_no_server_and_no_key(server: FakeServer, tape: Path, ask: Ask) -> None:
    server.play(WHOLE)
    with record(tape):
        live, live_events = ask(client_for(server))
    assert live.recorded is None
    with replay(tape):
        played, events = ask(Client(base_url="http://127.0.0.1:1/v1", model="magistral-small"))
    assert (played.thinking, played.answer, counts(played)) == (live.thinking, live.answer, counts(live))
    assert [type(event) for event in events] == [type(event) for event in live_events]
    assert played.complete
    assert played.recorded == requests_in(tape)[0]["recorded"][:10]
    assert len(server.requests) == 1


def test_an_empty_environment_and_no_name_are_enough(server: FakeServer, tape: Path, ask: Ask) -> None:
    row = Endpoint("campus", base_url=server.base_url, model="campus-magistral-2506", key_env=None, key_needed=False)
    server.play(WHOLE)
    with record(tape):
        live, _ = ask(Client(row))
    with replay(tape):
        for client in (Client(), Client("campus"), Client("auto")):
            played, events = ask(client)
            assert (played.answer, played.model, played.endpoint) == (live.answer, "campus-magistral-2506", "campus")
            assert isinstance(events[0], Started)
            assert events[0].recorded == played.recorded
    assert len(server.requests) == 1


def test_a_provider_needs_its_key_again_when_the_block_has_ended(tape: Path, server: FakeServer, ask: Ask) -> None:
    server.play(WHOLE)
    with record(tape):
        ask(Client("navigator", base_url=server.base_url))
    client = Client("navigator")
    with pytest.raises(MissingKeyError):
        ask(client)
    with replay(tape):
        assert ask(client)[0].answer == "4"  # a client made before the block
    with pytest.raises(MissingKeyError):
        ask(client)


@pytest.mark.parametrize("name", ["demo", "gguf", "transformers"])
def test_an_engine_in_this_process_is_not_loaded(server: FakeServer, tape: Path, name: str) -> None:
    import magistral_nb.endpoints as known

    row = known.ENDPOINTS[name]
    model = None if name == "demo" else "/home/ada/models/Magistral.gguf" if name == "gguf" else "/srv/Magistral-2509"
    server.play(WHOLE)
    as_server = Endpoint(**{
        **{field: getattr(row, field) for field in row.__dataclass_fields__},
        "engine": "http", "base_url": server.base_url, "revision": "2509",
    })  # fmt: skip
    with record(tape), Client(as_server, model=model) as client:
        client.chat("What is two and two?")
    elsewhere = model and model.replace("/home/ada/", "/elsewhere/")
    with replay(tape):
        assert Client(name, model=elsewhere).chat("What is two and two?").answer == "4"
    assert "/home/ada" not in tape.read_text("utf-8")
    assert "/srv" not in tape.read_text("utf-8")


def test_two_files_of_one_engine_keep_their_own_facts(server: FakeServer, tape: Path) -> None:
    """A file says which Magistral it is, so what it is asked depends on it; here are no files."""
    for revision in ("2506", "2509"):
        server.play(events_of({"content": revision}))
        row = Endpoint("gguf", base_url=server.base_url, model=f"{revision}.gguf", revision=revision, key_needed=False)
        with record(tape), Client(row) as client:
            client.chat("Q")
    with replay(tape):
        client = Client("gguf")
        assert [client.chat("Q", model=f"/srv/{revision}.gguf").answer for revision in ("2509", "2506")] == [
            "2509",
            "2506",
        ]


@pytest.mark.usefixtures("quick_counts")
def test_the_files_of_the_reader_change_nothing(
    server: FakeServer, tape: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def settings(text: str) -> None:
        path = tmp_path / f"{len(text)}.toml"
        path.write_text(text)
        monkeypatch.setenv("MAGISTRAL_SETTINGS", str(path))

    settings(
        f'[defaults]\nendpoint = "ours"\ninstructions = "Be brief."\n[endpoints.ours]\nbase_url = "{server.base_url}"\n'
        'model = "magistral-small-2506"\nprice_prompt = 1.0\nprice_completion = 1.0\n'
    )
    server.play(WHOLE)
    with record(tape):
        live = Client().chat("Q")
    settings('[defaults]\nendpoint = "demo"\ntemperature = 0.1\n')
    with replay(tape):
        client = Client()
        played = client.chat("Q")
        assert played.answer == "4"
        assert counts(played) == counts(live) == (12, 7, 19 / 1_000_000)  # what it cost when it was recorded
        assert "lesson.jsonl" in client.settings.sources["instructions"].source
        assert "Be brief." in client.preview("Q").text


def test_words_stay_live_while_they_are_recorded(server: FakeServer, tape: Path, ask: Ask) -> None:
    server.play(events_of(*({"content": f"w{n} "} for n in range(4))), slice=90, pause=0.08)
    with record(tape):
        reply, events = ask(client_for(server))
    times = [event.at for event in events if hasattr(event, "text")]
    assert times[-1] - times[0] > 0.15
    told = [line["t"] for line in lines(tape) if line["type"] == "event"]
    assert told == sorted(told)
    assert told[-1] - told[0] > 0.15
    assert reply.answer == "w0 w1 w2 w3 "


def test_waits_are_not_played_again(server: FakeServer, tape: Path, ask: Ask) -> None:
    server.play_json({"error": {"message": "Loading model"}}, status=503, headers={"retry-after": "0.3"})
    server.play(WHOLE)
    with record(tape):
        live, _ = ask(client_for(server))
    assert live.seconds > 0.3
    with replay(tape, speed=1):
        played, events = ask(client_for(server))
    assert played.seconds < 0.2
    assert "waiting" not in [event.type for event in events]


def test_the_model_that_only_the_environment_named_is_known(
    server: FakeServer, tape: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.play(WHOLE)
    monkeypatch.setenv("MAGISTRAL_MODEL", "magistral-small-2506")
    with record(tape), Client(base_url=server.base_url) as client:
        client.chat("Q")
    for there in ("another-model", ""):
        monkeypatch.setenv("MAGISTRAL_MODEL", there)
        with replay(tape):
            assert Client(base_url=server.base_url).chat("Q").model == "magistral-small-2506"


@pytest.fixture
def slow_tape(tape: Path) -> Path:
    """Write a cassette by hand: two words, half a second apart."""
    request = {"model": "m", "messages": [{"role": "user", "content": "Q"}], "temperature": 0.7, "top_p": 0.95}
    head = {"type": "request", "v": 1, "recorded": "2026-11-30T10:00:00Z", "complete": True, "events": 3}
    head |= {"place": {"asked": None, "name": "somewhere", "model": "m", "system": False}, "request": request}
    chunks: list[dict[str, Any]] = [{"choices": [{"delta": {"reasoning": "Hm."}}]}]
    chunks += [
        {"choices": [{"delta": {"content": text}, "finish_reason": why}]} for text, why in (("Ja", None), ("!", "stop"))
    ]
    events = [{"type": "event", "t": t, "data": chunk} for t, chunk in zip((0.1, 0.4, 0.4), chunks, strict=True)]
    tape.write_text("\n".join(json.dumps(line) for line in [head, *events]))
    return tape


def test_the_pace_is_as_recorded_or_at_once_and_the_times_are_those_of_the_recording(slow_tape: Path, ask: Ask) -> None:
    for speed, least, most in ((None, 0, 0.2), (0, 0, 0.2), (1, 0.4, 0.8), (4, 0.1, 0.3)):
        began = time.perf_counter()
        with replay(slow_tape, speed=speed):
            reply, _ = ask(Client(system=None), "Q")
        assert least <= time.perf_counter() - began < most
        assert (reply.seconds, round(reply.thinking_seconds or 0, 3)) == (0.4, 0.3)
    for wrong in (-1, float("nan"), "fast", True):
        with pytest.raises(ConfigurationError, match="speed"), replay(slow_tape, speed=wrong):  # type: ignore[arg-type]  # the mistake is the test
            pass


def test_a_reply_says_that_it_was_recorded(slow_tape: Path) -> None:
    with replay(slow_tape):
        reply = Client(system=None).chat("Q")
    assert Reply.from_dict(reply.to_dict()).recorded == "2026-11-30"
    picture = reply._repr_mimebundle_()
    for kind in ("text/html", "text/plain"):
        assert "recorded 2026-11-30 with m" in picture[kind]


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


def test_a_key_is_nowhere_in_a_cassette(
    server: FakeServer, tape: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in what is asked and not in what comes, in pieces or not; and whoever has another key still hits."""
    halves = EXPENSIVE[:9], EXPENSIVE[9:20], EXPENSIVE[20:] + "."
    call = {"index": 0, "id": "c", "function": {"name": "f", "arguments": f'{{"key": "{EXPENSIVE}"}}'}}
    deltas = [{"content": half} for half in halves] + [{"reasoning": half} for half in halves]
    pieces = [{"tool_calls": [{"index": 0, "function": {"arguments": half}}]} for half in halves]
    body = events_of(*deltas, {"tool_calls": [call]}, *pieces)
    tools = [{"type": "function", "function": {"name": "f", "description": f"uses {EXPENSIVE}", "parameters": {}}}]

    def asked(key: str) -> Any:
        return ask(
            client_for(server, api_key=key, default_headers={"X-Team": "physics"}, instructions=f"My key is {key}."),
            f"Is {key} good? {key}",
            tools=[json.loads(json.dumps(tools[0]).replace(EXPENSIVE, key))],
        )

    server.play(body, headers={"x-request-id": "req_secret_1"})
    with record(tape):
        asked(EXPENSIVE)
    text = tape.read_text("utf-8")
    shown = json.dumps(lines(tape))
    for forbidden in (
        EXPENSIVE,
        "sk-plant",
        "cdef",
        "physics",
        "127.0.0.1",
        str(server.port),
        "authorization",
        "req_secret",
    ):
        assert forbidden not in text + shown, forbidden
    with replay(tape):
        reply, _ = asked("sk-a-student-of-hers-42")
    assert (reply.answer, reply.thinking) == ("<redacted>.", "<redacted>.")
    assert EXPENSIVE not in json.dumps(reply.to_dict())
    monkeypatch.setenv("SOME_API_KEY", "another-key-of-a-student")
    with replay(tape):
        assert (
            ask(
                Client(instructions="My key is another-key-of-a-student."),
                "Is another-key-of-a-student good? another-key-of-a-student",
                tools=[json.loads(json.dumps(tools[0]).replace(EXPENSIVE, "another-key-of-a-student"))],
            )[0].answer
            == "<redacted>."
        )


def test_the_secrets_of_headers_and_addresses_are_known_too(server: FakeServer, tape: Path) -> None:
    def asked(word: str) -> str:
        headers = {"X-Access-Token": f"{word}-in-a-header", "X-Team": "physics"}
        place = server.base_url.replace("http://", f"http://me:{word}-in-an-address@")
        with Client(base_url=place, model="m", default_headers=headers) as client:
            return client.chat(f"{word}-in-a-header, {word}-in-an-address").answer

    server.play(events_of({"content": "hidden-in-a-"}, {"content": "header"}))
    with record(tape):
        assert asked("hidden") == "<redacted>"
    assert "hidden-in" not in tape.read_text("utf-8")
    with replay(tape):
        assert asked("others") == "<redacted>"


def test_a_cassette_can_be_read_by_people(server: FakeServer, tape: Path) -> None:
    server.play(events_of({"content": "Grüße, 世界 😀"}, {"content": "line\u2028here"}))
    with record(tape):
        client_for(server).chat("Wie heißt „Straße“ auf 日本語?")
    raw = tape.read_bytes()
    assert "„Straße“ auf 日本語".encode() in raw
    assert "Grüße, 世界 😀".encode() in raw
    assert raw.endswith(b"\n")
    head = raw.split(b"\n")[0].decode()
    assert head == json.dumps(json.loads(head), ensure_ascii=False, sort_keys=True)
    with replay(tape):
        assert Client().chat("Wie heißt „Straße“ auf 日本語?").answer == "Grüße, 世界 😀line\u2028here"


def test_half_a_character_survives(server: FakeServer, tape: Path) -> None:
    server.play(events_of({"content": "\ud83d"}, {"content": "\ude00"}))
    with record(tape):
        client_for(server).chat("Q")
    with replay(tape):
        assert Client().chat("Q").answer == "😀"


def test_other_threads_are_reached(server: FakeServer, tape: Path) -> None:
    replies_of(server, tape, "one")
    answers: list[str] = []
    with replay(tape):
        threads = [threading.Thread(target=lambda: answers.append(Client().chat("Q").answer)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == ["one"] * 4


def test_writers_at_once_lose_nothing(server: FakeServer, tape: Path) -> None:
    server.play(WHOLE)
    client = client_for(server)

    def write(number: int) -> None:
        with record(tape):
            client.chat(f"Question {number}")

    running_before = running.all_running()
    threads = [threading.Thread(target=write, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert running.all_running() == running_before == ()
    found = {one["request"]["messages"][-1]["content"] for one in requests_in(tape)}
    assert found == {f"Question {number}" for number in range(5)}
    with replay(tape):
        assert Client().chat("Question 4").answer == "4"


@pytest.mark.usefixtures("quick_counts")
def test_models_and_counts_ask_nobody(server: FakeServer, tape: Path) -> None:
    replies_of(server, tape, "one")
    server.play_json({"data": [{"id": "live"}]}, path=MODELS)
    asked = len(server.requests)
    with replay(tape):
        client = client_for(server)
        assert client.models() == ["magistral-small"]
        assert asyncio.run(client.amodels()) == ["magistral-small"]
        assert not client.count_tokens("Q").exact
    assert len(server.requests) == asked


@pytest.fixture
def by_environment(tape: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    running._of_environment.cache_clear()
    yield monkeypatch
    running._of_environment.cache_clear()


def test_the_environment_names_a_cassette(
    server: FakeServer, tape: Path, ask: Ask, by_environment: pytest.MonkeyPatch
) -> None:
    by_environment.setenv("MAGISTRAL_CASSETTE", f"record:{tape}")
    server.play(WHOLE)
    ask(client_for(server))
    for named in (str(tape), f"replay:{tape}"):
        by_environment.setenv("MAGISTRAL_CASSETTE", named)
        assert ask(Client())[0].answer == "4"
    by_environment.setenv("MAGISTRAL_CASSETTE", str(tape.with_name("nothing.jsonl")))
    with pytest.raises(ConfigurationError, match=r"nothing\.jsonl cannot be read"):
        ask(Client())


def test_a_recording_that_cannot_be_written_costs_no_reply(server: FakeServer, tmp_path: Path, ask: Ask) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    server.play(WHOLE)
    with record(folder / "lesson.jsonl"):
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
        reply, _ = ask(client_for(server))
    assert reply.answer == "4"
    assert "not_recorded" in [notice.code for notice in reply.notices]


def test_blanks_that_make_another_question_are_seen(server: FakeServer, tape: Path) -> None:
    server.play(WHOLE)
    with record(tape):
        client_for(server).chat("Is 91 prime?")
    with (
        replay(tape),
        pytest.raises(CassetteMissError, match=re.escape(r'"Is 91 prime?\n" here and "Is 91 prime?" there')),
    ):
        client_for(server).chat("Is 91 prime?\n")
