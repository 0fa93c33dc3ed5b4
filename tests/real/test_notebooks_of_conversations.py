"""`to_notebook` on a cassette: it runs with no engine, no key and no network, and the conversation comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest

from magistral_nb import Client, Conversation, record
from tests.fake_server import FakeServer
from tests.real.run_notebooks import run_notebook, tried, with_nothing
from tests.test_client import client_for
from tests.test_conversations_on_a_cassette import KEY, thinks

pytestmark = pytest.mark.real


def of_a_server(server: FakeServer, tape: Path) -> Conversation:
    for number in range(4):
        server.play(thinks(f"T{number} {{x}}", f"A{number}\n\n```python\n%%bash\n```"))
    with record(tape), client_for(server, api_key=KEY, temperature=0.2, instructions="Say $HOME {x}.") as client:
        talk = Conversation(client, keep_thinking="last")
        talk.chat("Is {this} $HOME?\n\n'''")
        talk.chat("%%bash\ntouch ./magistral_pwned", seed=3)
        talk.chat("Third?", keep_thinking="all")
        talk.regenerate(seed=5)
    return talk


def of_the_embedded_model(server: FakeServer, tape: Path) -> Conversation:
    with record(tape), Client("demo", seed=1) as client:
        talk = Conversation(client, keep_thinking="all")
        talk.chat("Why is the sky blue?", max_tokens=60)
        talk.chat("And at night?", max_tokens=60)
    return talk


@pytest.mark.parametrize("made", [of_a_server, of_the_embedded_model])
def test_a_notebook_runs_on_the_cassette_and_gives_the_conversation_back(
    server: FakeServer, tmp_path: Path, made: Any
) -> None:
    tape, path = tmp_path / "talk.jsonl", tmp_path / "talk.ipynb"
    talk = made(server, tape)
    heard = len(server.requests)
    talk.to_notebook(path)
    folder = tmp_path / "kernel"
    folder.mkdir()
    executed = run_notebook(path, folder, environment=with_nothing(folder, tape))
    nbformat.write(executed, path)  # type: ignore[no-untyped-call]  # nbformat has no types here
    assert len(server.requests) == heard
    assert tried(folder) == ""
    assert not (folder / "magistral_pwned").exists()
    again = Conversation.from_notebook(path, client=talk.client)
    assert again.keep_thinking == talk.keep_thinking
    assert [turn.asked for turn in again.turns] == [turn.asked for turn in talk.turns]
    assert [turn.settings for turn in again.turns] == [turn.settings for turn in talk.turns]
    for turn, before in zip(again.turns, talk.turns, strict=True):
        assert turn.reply.recorded
        assert (turn.thinking, turn.answer, turn.state) == (before.thinking, before.answer, before.state)
    assert KEY not in path.read_text("utf-8") + tape.read_text("utf-8")
