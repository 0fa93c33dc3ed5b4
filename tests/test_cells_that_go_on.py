"""`-c`: cells that go on from those before, and a cell that is run again replaces its own turn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from magistral_nb import Client, Conversation, Prompt
from tests.fake_server import FakeServer
from tests.test_client import GOOD, events_of
from tests.test_magics import at, run
from tests.test_magics import shell as shell


def in_cell(shell: Any, name: str, code: str) -> Any:
    """Run code as the cell of that name, as a front end says it."""
    shell.get_parent = lambda: {"metadata": {"cellId": name}, "content": {"code": code}}
    try:
        return run(shell, code)[0]
    finally:
        del shell.get_parent


def said(server: FakeServer) -> list[str]:
    """Return what was sent, but for the system prompt."""
    return [message["content"] for message in server.requests[-1].json()["messages"] if message["role"] != "system"]


@pytest.fixture
def talk(shell: Any, server: FakeServer) -> Any:
    """Ask three cells, each of which goes on from the last."""
    for name, answer in (("a", "A"), ("b", "B"), ("c", "C")):
        server.play(events_of({"reasoning": f"T{answer}"}, {"content": answer}))
        in_cell(shell, name, f"{at(server, '-c' if name != 'a' else '')}\n{name}?")
    return shell


def test_a_cell_with_c_goes_on_and_one_without_starts_fresh(talk: Any, server: FakeServer) -> None:
    assert said(server) == ["a?", "A", "b?", "B", "c?"]
    in_cell(talk, "d", f"{at(server)}\nd?")
    assert said(server) == ["d?"]
    in_cell(talk, "e", f"{at(server, '-c')}\ne?")
    assert said(server) == ["d?", "C", "e?"]


def test_a_cell_that_is_run_again_replaces_its_own_turn(talk: Any, server: FakeServer) -> None:
    server.play(events_of({"content": "B2"}))
    in_cell(talk, "b", f"{at(server, '-c')}\nb again?")
    assert said(server) == ["a?", "A", "b again?"]
    in_cell(talk, "a", f"{at(server)}\na again?")
    in_cell(talk, "d", f"{at(server, '-c')}\nd?")
    assert said(server) == ["a again?", "B2", "b again?", "B2", "c?", "C", "d?"]


def test_a_dry_run_shows_the_three_turns_and_changes_nothing(talk: Any, server: FakeServer) -> None:
    before = len(server.requests)
    for keep, dropped in (("none", 3), ("last", 2), ("all", 0)):
        result = in_cell(talk, "d", f"%%magistral --dry-run -c -e vllm --keep-thinking {keep}\nd?")
        prompt = result.result
        assert isinstance(prompt, Prompt)
        assert [text for kind, text in prompt.parts if text in ("a?", "b?", "c?", "d?")] == ["a?", "b?", "c?", "d?"]
        assert len(prompt.dropped) == dropped
        assert ("TC" in prompt.text) == (keep != "none")
    assert len(server.requests) == before
    in_cell(talk, "e", f"{at(server, '-c')}\ne?")
    assert said(server)[-3:] == ["c?", "C", "e?"]


def test_going_on_can_be_the_rule_and_be_forgotten(talk: Any, server: FakeServer) -> None:
    run(talk, "%magistral continue on")
    in_cell(talk, "d", f"{at(server)}\nd?")
    assert said(server)[-3:] == ["c?", "C", "d?"]
    in_cell(talk, "e", f"{at(server, '--new')}\ne?")
    assert said(server) == ["e?"]
    run(talk, "%magistral reset")
    in_cell(talk, "f", f"{at(server)}\nf?")
    assert said(server) == ["f?"]
    run(talk, "%magistral continue off")
    in_cell(talk, "g", f"{at(server)}\ng?")
    assert said(server) == ["g?"]
    assert not run(talk, "%magistral continue maybe")[0].success


def test_what_was_cut_off_stays_in_the_conversation_and_a_plain_failure_does_not(
    shell: Any, server: FakeServer
) -> None:
    server.play(events_of({"content": "Half"}, finish=None))
    server.play_json({"error": {"message": "no"}}, status=400)
    server.play(GOOD)
    in_cell(shell, "a", f"{at(server)}\na?")
    in_cell(shell, "b", f"{at(server, '-c')}\nb?")
    in_cell(shell, "c", f"{at(server, '-c')}\nc?")
    assert said(server) == ["a?", "Half", "c?"]


def test_a_terminal_has_no_names_for_cells_and_goes_on_all_the_same(shell: Any, server: FakeServer) -> None:
    server.play(GOOD)
    run(shell, f"{at(server)}\na?")
    run(shell, f"{at(server, '-c')}\nb?")
    run(shell, f"%magistral ask -c --base-url {server.base_url} -m magistral-small And c")
    assert said(server) == ["a?", "4", "b?", "4", "And c"]


def test_a_conversation_is_saved_and_gone_on_with(talk: Any, server: FakeServer, tmp_path: Path) -> None:
    file = tmp_path / "my talk.json"
    _, told, _ = run(talk, f"%magistral save {file}")
    assert "Saved: 3 turns" in told
    run(talk, "%magistral reset")
    _, told, _ = run(talk, f'%magistral load "{file}"')
    assert "Loaded: 3 turns" in told
    in_cell(talk, "z", f"{at(server, '-c')}\nz?")
    assert said(server) == ["a?", "A", "b?", "B", "c?", "C", "z?"]
    in_cell(talk, "z", f"{at(server, '-c')}\nz again?")
    assert said(server)[-2:] == ["C", "z again?"]
    loaded = Conversation.load(file, client=Client("vllm"))
    assert [(turn.question, turn.thinking, turn.answer) for turn in loaded.turns] == [
        ("a?", "TA", "A"), ("b?", "TB", "B"), ("c?", "TC", "C"),
    ]  # fmt: skip


def test_saving_and_loading_say_what_is_wrong(talk: Any, server: FakeServer, tmp_path: Path) -> None:
    file = tmp_path / "talk.json"
    for command, words in (("save", "Say which file"), (f"load {file}", "cannot be read: No such file")):
        result, _, told = run(talk, f"%magistral {command}")
        assert words in told + str(result.error_in_exec)
    run(talk, f"%magistral save {file}")
    file.write_text(file.read_text()[:-40])
    _, told, _ = run(talk, f"%magistral load {file}")
    assert "was damaged: 2 turns could be read" in told
    assert "Loaded: 2 turns" in told


def test_what_a_cell_replaced_is_kept_as_a_branch(talk: Any, server: FakeServer, tmp_path: Path) -> None:
    server.play(events_of({"content": "B2"}))
    in_cell(talk, "b", f"{at(server, '-c')}\nb?")
    run(talk, f"%magistral save {tmp_path / 'talk.json'}")
    loaded = Conversation.load(tmp_path / "talk.json", client=Client("vllm"))
    assert [turn.answer for turn in loaded.turns] == ["A", "B2", "C"]
    assert [turn.answer for turn in loaded.siblings(1)] == ["B2", "B"]


def test_a_cell_that_is_run_again_sends_the_same_bytes(talk: Any, server: FakeServer) -> None:
    first = server.requests[1].body
    in_cell(talk, "b", f"{at(server, '-c')}\nb?")
    assert server.requests[-1].body == first
