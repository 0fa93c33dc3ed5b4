"""A conversation on a cassette: saved, loaded and asked on, it sends the same bytes, and needs no server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from magistral_nb import CassetteMissError, Client, Conversation, record, replay
from magistral_nb.cassettes.canonical import canonical_json
from magistral_nb.cassettes.reading import read_cassette
from tests.fake_server import FakeServer
from tests.test_client import client_for, events_of

KEY = "sk-planted-in-a-talk-0123456789"


def thinks(thought: str, answer: str) -> Any:
    return events_of({"reasoning": thought}, {"content": answer})


@pytest.mark.parametrize("keep", ["none", "last", "all"])
def test_the_next_question_of_a_loaded_conversation_is_the_same_bytes(
    server: FakeServer, tmp_path: Path, keep: Any
) -> None:
    tape, asked_again, saved = tmp_path / "talk.jsonl", tmp_path / "again.jsonl", tmp_path / "talk.json"
    for said in (("T1 {x} é", "A1"), ("T2", "A2"), ("T2b", "A2b"), ("T3", "A3")):
        server.play(thinks(*said))
    with record(tape), client_for(server, api_key=KEY, temperature=0.2) as client:
        talk = Conversation(client, keep_thinking=keep)
        talk.chat("One {braces} $HOME?", seed=3)
        talk.chat("Two?")
        talk.regenerate(seed=5)
        talk.save(saved)
        last = talk.chat("Three?")
    heard = len(server.requests)
    with replay(tape), record(asked_again):
        again = Conversation.load(saved, client=Client(temperature=0.2))
        played = again.chat("Three?")
    assert len(server.requests) == heard
    (request,), first = read_cassette(asked_again), read_cassette(tape)[-1]
    assert canonical_json(request.request) == canonical_json(first.request)
    assert (played.thinking, played.answer) == (last.thinking, last.answer) == ("T3", "A3")
    assert [turn.answer for turn in again.turns] == ["A1", "A2b", "A3"]
    assert KEY not in tape.read_text("utf-8") + saved.read_text("utf-8")


def test_a_conversation_that_kept_other_thinking_is_another_question(server: FakeServer, tmp_path: Path) -> None:
    tape = tmp_path / "talk.jsonl"
    server.play(thinks("T1", "A1"))
    server.play(thinks("T2", "A2"))
    with record(tape), client_for(server) as client:
        talk = Conversation(client, keep_thinking="all")
        talk.chat("One?")
        talk.chat("Two?")
    with replay(tape):
        other = Conversation(Client(), keep_thinking="none")
        other.chat("One?")
        with pytest.raises(CassetteMissError, match=r'says "A1" here and .*T1'):
            other.chat("Two?")
    assert [turn.state for turn in other.turns] == ["whole"]  # nothing was sent, so it is no turn
