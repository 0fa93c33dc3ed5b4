"""What a cassette holds and what it never holds, many writers at once, and a cassette that the environment names."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from magistral_nb import (
    CassetteMissError,
    Client,
    ConfigurationError,
    record,
    replay,
)
from magistral_nb.cassettes import running
from tests.asking import Ask
from tests.fake_server import MODELS, FakeServer
from tests.test_cassettes import EXPENSIVE, WHOLE, lines, replies_of, requests_in
from tests.test_cassettes import ask as ask
from tests.test_cassettes import quick_counts as quick_counts
from tests.test_cassettes import tape as tape
from tests.test_client import client_for, events_of


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
