"""Options of cells that meet: `-c`, `--response-format`, `--insert-code` and `--dry-run`, on a cassette and saved."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from magistral_nb import Budget, Prompt, Reply
from tests.fake_server import FakeServer
from tests.hostile import BY_ID
from tests.test_budgets import chunk
from tests.test_cassettes import quick_counts
from tests.test_cells_that_go_on import in_cell, said
from tests.test_client import GOOD, events_of
from tests.test_magics import at, run, shell
from tests.test_structured import BAD, Prime, says
from tests.test_structured import GOOD as GOOD_JSON

__all__ = ["quick_counts", "shell"]

CODE = "```python\nx = 1\n```\n```bash\n!touch magistral_pwned\n```"
LESSON = [
    ("a", "", "a?"),
    ("b", "-c --response-format Prime", "Is 91 prime?"),
    ("c", "-c --insert-code", "code?"),
    ("b", "-c --response-format Prime", "Is 91 prime?"),
    ("d", "-c --keep-thinking all --insert-code --response-format Prime", "both?"),
]


def inserted(shell: Any) -> str | None:
    """Return the new cell below, if there is one, and take it away."""
    cell: str | None = shell.rl_next_input
    shell.rl_next_input = None
    return cell


def lesson(shell: Any, server: FakeServer) -> list[Any]:
    """Run the cells of the lesson; return what a reader sees of each."""
    seen = []
    for name, options, question in LESSON:
        result = in_cell(shell, name, f"{at(server, f'{options} -o r')}\n{question}")
        assert result.success, result.error_in_exec
        reply: Reply = shell.user_ns["r"]
        seen.append((reply.thinking, reply.answer, reply.parsed, [one.code for one in reply.notices], inserted(shell)))
    return seen


@pytest.mark.usefixtures("quick_counts")
def test_a_lesson_of_all_options_is_recorded_played_saved_and_gone_on_with(
    shell: Any, server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shell.user_ns["Prime"] = Prime
    for body in (GOOD, says(BAD), says(GOOD_JSON), events_of({"content": CODE}), says(GOOD_JSON)):
        server.play(body)
    server.play(says(f"```json\n{GOOD_JSON}\n```"))
    run(shell, "%magistral record lesson.jsonl")
    live = lesson(shell, server)
    assert said(server)[:5] == ["a?", "[THINK]Two.[/THINK]4", "Is 91 prime?", f"[THINK]Hm.[/THINK]{GOOD_JSON}", "code?"]
    assert [bool(seen[-1]) for seen in live] == [False, False, True, False, True]
    run(shell, "%magistral record off")
    run(shell, "%magistral save talk.json")
    cost = run(shell, "%magistral cost")[1]
    asked = len(server.requests)
    run(shell, "%magistral replay lesson.jsonl")
    for first_b in (live[1], live[3]):  # the second time round, the last recording of a question repeats
        run(shell, "%magistral reset")
        assert lesson(shell, server) == [live[0], first_b, *live[2:]]
    assert (len(server.requests), run(shell, "%magistral cost")[1]) == (asked, cost)
    run(shell, "%magistral replay off")
    run(shell, "%magistral load talk.json")
    server.play(GOOD)
    in_cell(shell, "e", f"{at(server, '-c')}\nNext?")
    assert said(server)[-1] == "Next?"
    assert said(server)[:3] == ["a?", "4", "Is 91 prime?"]
    assert not (tmp_path / "magistral_pwned").exists()


@pytest.mark.parametrize("options", ["-c", "--response-format Prime", "--insert-code -c", "-c --response-format Prime"])
def test_a_dry_run_of_any_options_sends_nothing_and_inserts_nothing(
    shell: Any, server: FakeServer, options: str
) -> None:
    shell.user_ns["Prime"] = Prime
    server.play(GOOD)
    in_cell(shell, "a", f"{at(server)}\na?")
    prompt = in_cell(shell, "b", f"{at(server, f'--dry-run {options}')}\nb?").result
    assert isinstance(prompt, Prompt)
    assert ("a?" in prompt.text) == ("-c" in options)
    assert ("is_prime" in prompt.text) == ("Prime" in options)
    assert (inserted(shell), len(server.requests)) == (None, 1)


@pytest.mark.parametrize("why", ["length", "content_filter", "budget"])
def test_the_code_of_a_reply_that_was_cut_is_no_cell(shell: Any, server: FakeServer, why: str) -> None:
    """Half a program may do what the whole one would not: `rm -r build/tmp` begins with `rm -r build`."""
    half = ["```python\n", *["x = 1\n"] * 60]
    if why == "budget":
        server.play([b"".join(chunk({"content": piece}) for piece in half), 5.0])
        shell.user_ns["B"] = Budget(tokens=200)
        run(shell, "%config Magistral.budget = B")
    else:
        server.play(events_of({"content": "".join(half)}, finish=why))
    result = in_cell(shell, "a", f"{at(server, '--insert-code -o r --system x')}\nhi")
    assert result.success
    reply = shell.user_ns["r"]
    assert (reply.finish_reason, inserted(shell)) == (why, None)
    assert reply.notices[-1].code == "code_cut"


@pytest.mark.parametrize("name", ["H35", "H36", "H37"])
def test_h35_h36_in_an_inserted_cell_and_in_a_replay_run_nothing(
    shell: Any, server: FakeServer, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shown, inserted, recorded, played and saved, as it stands and in every fence; the new cell is run unread."""
    monkeypatch.chdir(tmp_path)
    text = BY_ID[name]["text"].replace("get_ipython().system", "#")  # what is Python, a reader has to read
    answer = "\n\n".join([text, *(f"{fence}\n{text}\n{fence[:3]}" for fence in ("```python", "```", "~~~bash"))])
    server.play(events_of({"reasoning": text}, {"content": answer}))
    run(shell, "%magistral record lesson.jsonl")
    in_cell(shell, "a", f"{at(server, '--insert-code')}\nhi")
    cells = [inserted(shell)]
    run(shell, "%magistral record off")
    run(shell, "%magistral replay lesson.jsonl")
    in_cell(shell, "a", f"{at(server, '--insert-code')}\nhi")
    cells.append(inserted(shell))
    run(shell, "%magistral save talk.json")
    run(shell, "%magistral load talk.json")
    run(shell, "%magistral replay off")
    assert cells[0] == cells[1]
    assert cells[0]
    run(shell, cells[0])
    assert sorted(one for one in os.listdir(tmp_path) if not one.startswith(".")) == ["lesson.jsonl", "talk.json"]
