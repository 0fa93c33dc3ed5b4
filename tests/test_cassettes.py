"""Recording and playing: what a class without keys sees, and what a cassette never holds."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from magistral_nb import (
    Client,
    ConfigurationError,
    Endpoint,
    MissingKeyError,
    Reply,
    Started,
    record,
    replay,
)
from magistral_nb.tokens import CHARACTERS
from tests.asking import COLOURS, Ask
from tests.fake_server import FakeServer
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
