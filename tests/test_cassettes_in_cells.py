"""`%magistral record` and `%magistral replay` in a real IPython shell; cells ask from a thread of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from magistral_nb.cassettes import running
from tests.fake_server import FakeServer
from tests.test_cassettes import quick_counts
from tests.test_client import GOOD, KEY
from tests.test_magics import at, run, shell

__all__ = ["quick_counts", "shell"]


def said(shell: Any, cell: str) -> str:
    """Return what a cell says that ends as an error; a terminal says it on another stream than a notebook."""
    result, printed, red = run(shell, cell)
    assert not result.success
    return printed + red


@pytest.fixture
def tape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "my lesson.jsonl"


@pytest.fixture
def recorded(shell: Any, server: FakeServer, tape: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a cassette that a teacher made, with a key, at a place that only the teacher's environment names."""
    server.play(GOOD)
    monkeypatch.setenv("MAGISTRAL_BASE_URL", server.base_url)
    monkeypatch.setenv("MAGISTRAL_MODEL", "magistral-small")
    monkeypatch.setenv("MAGISTRAL_API_KEY", KEY)
    _, told, _ = run(shell, "%magistral record 'my lesson.jsonl'")
    assert told == "Records into my lesson.jsonl\n"
    run(shell, "%%magistral\nAdd two and two.")
    _, told, _ = run(shell, "%magistral record off")
    assert "Off" in told
    run(shell, "%%magistral\nNot recorded")
    for name in ("MAGISTRAL_BASE_URL", "MAGISTRAL_MODEL", "MAGISTRAL_API_KEY"):
        monkeypatch.delenv(name)
    server.requests.clear()
    return tape


@pytest.mark.usefixtures("quick_counts")
def test_a_class_without_keys_plays_what_the_teacher_recorded(shell: Any, server: FakeServer, recorded: Path) -> None:
    text = recorded.read_text("utf-8")
    assert text.count('"type": "request"') == 1
    assert KEY not in text
    _, told, _ = run(shell, "%magistral replay 'my lesson.jsonl' --speed 0")
    assert "Plays my lesson.jsonl: 1 reply of magistral-small, recorded 20" in told
    replies = []
    for cell in ("%%magistral -o reply\nAdd two and two.", "%magistral ask -o reply Add two and two."):
        _, printed, red = run(shell, cell)
        assert red == ""
        assert "with magistral-small" in printed
        assert shell.user_ns["reply"].recorded
        replies.append(shell.user_ns["reply"])
    assert replies[0] == replies[1]  # to the last digit of their times
    _, status, _ = run(shell, "%magistral status")
    assert "cassette      plays my lesson.jsonl" in status
    _, shown, _ = run(shell, "%%magistral --dry-run\nAdd two and two.")
    assert "│ Add two and two." in shown
    run(shell, "%magistral replay off")
    assert "No endpoint is set up" in said(shell, "%%magistral\nAdd two and two.")
    assert server.requests == []


def test_a_miss_ends_the_cell_in_one_line_and_asks_nobody(shell: Any, server: FakeServer, recorded: Path) -> None:
    run(shell, "%magistral replay 'my lesson.jsonl'")
    told = said(shell, f"{at(server)}\nAdd two and three.")
    assert told.strip().count("\n") == 0
    assert 'The nearest is "Add two and two."' in told
    assert server.requests == []
    run(shell, "%magistral replay 'my lesson.jsonl' --on-miss nearest")
    _, printed, _ = run(shell, "%%magistral\nAdd two and three.")
    assert "⚠ Not recorded" in printed
    run(shell, "%magistral replay 'my lesson.jsonl' --on-miss live")
    server.play(GOOD)
    _, printed, _ = run(shell, f"{at(server)}\nAdd two and three.")
    assert "asked live" in printed
    assert len(server.requests) == 1
    assert "could not be asked live" in said(shell, "%%magistral\nAdd two and four.")


def test_a_cell_at_a_time_is_added_and_anew_begins_again(shell: Any, server: FakeServer, recorded: Path) -> None:
    _, told, _ = run(shell, "%magistral record 'my lesson.jsonl'")
    assert "behind the 1 there" in told
    run(shell, f"{at(server)}\nAnother")
    _, told, _ = run(shell, "%magistral record 'my lesson.jsonl' --anew")
    assert "behind" not in told
    run(shell, f"{at(server)}\nOnly this")
    questions = [json.loads(line).get("request") for line in recorded.read_text("utf-8").splitlines()]
    assert [one["messages"][-1]["content"] for one in questions if one] == ["Only this"]


WRONG = {
    "record": "Say `%magistral record FILE.jsonl`",
    "replay nothing.jsonl": "cannot be read",
    "replay x.pkl": "no name for a cassette",
    "record ../../.ipython/profile_default/startup/00-x": "no name for a cassette",
    "replay x.jsonl --on-miss perhaps": "invalid choice",
    "replay a.jsonl b.jsonl": "unrecognized arguments",
}


def test_a_wrong_line_says_what_is_right(shell: Any, tape: Path) -> None:
    for line, why in WRONG.items():
        assert why in said(shell, f"%magistral {line}")
    assert running.all_running() == ()
    assert list(tape.parent.iterdir()) == []


def test_unloading_ends_what_runs(shell: Any, recorded: Path) -> None:
    run(shell, "%magistral replay 'my lesson.jsonl'")
    run(shell, "%magistral record other.jsonl")
    assert len(running.all_running()) == 2
    shell.run_line_magic("unload_ext", "magistral_nb")
    assert running.all_running() == ()
    shell.run_line_magic("load_ext", "magistral_nb")
