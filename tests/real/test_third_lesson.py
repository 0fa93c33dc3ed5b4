"""The third lesson, by a real kernel: what its text says is what its cells show, from the cassette and live."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from magistral_nb.cassettes.reading import read_cassette
from magistral_nb.chat_format import PROMPT_MIME
from magistral_nb.rendering.reply import REPLY_MIME
from tests.real.run_notebooks import ROOT, run_notebook, shown, tried, with_nothing

pytestmark = pytest.mark.real
LESSON = ROOT / "examples" / "03_thinking_and_memory.ipynb"
TAPE = LESSON.with_suffix(".jsonl")
WAYS = ("cassette", "live")
Told = dict[str, list[Any]]


@pytest.fixture(scope="module", params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def told(way: str, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Give what each cell of the lesson shows, by its source."""
    folder = tmp_path_factory.mktemp("lesson")
    environment = with_nothing(folder, TAPE) if way == "cassette" else None
    notebook = run_notebook(LESSON, folder, environment=environment)
    assert way == "live" or tried(folder) == ""
    return {cell.source: shown(cell) for cell in notebook.cells if cell.cell_type == "code"}


def cell(told: Told, words: str) -> list[Any]:
    """Return what the one cell shows in whose source these words stand."""
    (found,) = [outputs for source, outputs in told.items() if words in source]
    return found


def printed(told: Told, words: str) -> str:
    return "".join(output["text"] for output in cell(told, words) if output.get("name") == "stdout")


def reply(outputs: list[Any]) -> dict[str, Any]:
    (found,) = [output["data"][REPLY_MIME] for output in outputs if REPLY_MIME in output.get("data", {})]
    return dict(found)


def numbers(text: str) -> list[int]:
    return [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", text)]


def test_a_conversation_holds_what_was_said(told: Told) -> None:
    text = printed(told, "for turn in talk.turns:\n    print(turn.question, ")
    assert re.findall(r"^(.*) → whole$", text, re.MULTILINE) == [
        "Why is the sky blue?",
        "And why is it red in the evening?",
    ]
    assert len(re.findall(r"thought: \w.{5,}", text)) == 2


def test_the_preview_shows_what_is_sent_and_what_is_left_out(told: Told) -> None:
    (prompt,) = [output["data"] for output in cell(told, "\ntalk.preview(question)")]
    text = prompt["text/plain"]
    places = [text.index(words) for words in ("Why is the sky blue?", "And why is it red", "And at night?")]
    assert places == sorted(places)
    assert len(prompt[PROMPT_MIME]["dropped"]) == 2


def test_each_policy_sends_more_than_the_one_before(told: Told) -> None:
    lines = printed(told, 'for keep in ("none"').splitlines()
    assert [line.split()[0] for line in lines] == ["none", "last", "all"]
    sent, left_out = zip(*map(numbers, lines), strict=True)
    assert sent[0] < sent[1] < sent[2]
    assert left_out == (2, 1, 0)


def test_prompts_grow_and_their_sum_is_what_is_paid_for(told: Told) -> None:
    lines = [numbers(line)[:2] for line in printed(told, " written: {turn.question}").splitlines()]
    sent, written = [line[0] for line in lines], [line[1] for line in lines]
    assert len(lines) == 3
    assert sent[0] < sent[1] < sent[2]
    total, price = printed(told, "from magistral_nb import Price").splitlines()
    assert total == f"{sum(sent)} + {sum(written)} tokens; known cost: None"
    usd = 300 * (0.5 * sum(sent) + 1.5 * sum(written)) / 1e6
    assert price == f"A class of 300 that asks this: ${usd:.2f}"
    ((context,),) = [[output["data"]["text/plain"] for output in cell(told, "talk.context")]]
    used, limit = numbers(context)
    assert 0 < used < limit


def test_the_budget_stops_the_reply_and_then_refuses(told: Told) -> None:
    outputs = cell(told, "import Budget\n")
    assert outputs[0]["text"] == "budget · complete: False\n"
    stopped = reply(outputs)
    assert stopped["thinking"]
    assert stopped["finish_reason"] == "budget"
    assert "budget" in [notice["code"] for notice in stopped["notices"]]
    assert "stopped by your budget" in outputs[-1]["data"]["text/plain"]
    refused = printed(told, "import BudgetExceededError")
    spent, limit = numbers(refused)[:2]
    assert spent >= limit
    assert "Nothing was sent" in refused


def test_no_branch_is_lost(told: Told) -> None:
    states, back = printed(told, "talk.switch(undone)").splitlines()
    assert (states, back) == ("['whole', 'budget']", "whole · Conversation(3 turns, 2 branches)")
    assert printed(told, "regenerate(seed=2)").endswith("3 replies to: And at night?\n")
    assert re.findall("• (.*)", printed(told, "talk.edit(1")) == [
        "Why is the sky blue?",
        "Is the sky blue on the moon, too?",
    ]
    ends = printed(told, "for end in talk.branches").splitlines()
    assert ends == [f"{state} · And at night?" for state in ("whole", "budget", "whole")] + [
        "whole · Is the sky blue on the moon, too?"
    ]
    assert printed(told, "talk.fork").splitlines()[-2:] == [
        "Conversation(2 turns, 4 branches)",
        "Conversation(2 turns, 5 branches)",
    ]


def test_a_cell_goes_on_with_the_thought_of_the_one_before(told: Told, way: str) -> None:
    fresh, further = (reply(cell(told, words)) for words in ("Why do leaves fall", "And in spring?"))
    assert fresh["thinking"]
    assert further["answer"]
    sent = further["usage"]["prompt_tokens"]
    assert sent > fresh["usage"]["prompt_tokens"] + fresh["usage"]["completion_tokens"]
    assert printed(told, "for three words") == f"{sent} tokens were sent for three words.\n"
    if way == "cassette":
        assert fresh["recorded"]
        (asked,) = [one.request["messages"] for one in read_cassette(TAPE) if one.question.startswith("And in spring")]
        assert fresh["thinking"].strip() in str(asked[-2]["reasoning_content"])


def test_the_cassette_alone_is_enough_by_the_magic_too(tmp_path: Path) -> None:
    """As the lesson tells whoever has no model: one line below the first cell."""
    content = nbformat.read(LESSON, as_version=4)  # type: ignore[no-untyped-call]  # nbformat has no types here
    assert f"%magistral replay {TAPE.name}" in content.cells[0].source
    content.cells[2:] = [nbformat.v4.new_code_cell(f"%magistral replay {TAPE.name}"), content.cells[3]]  # type: ignore[no-untyped-call]  # nor here
    notebook = tmp_path / LESSON.name
    nbformat.write(content, notebook)  # type: ignore[no-untyped-call]  # nor here
    (tmp_path / TAPE.name).write_bytes(TAPE.read_bytes())
    environment = with_nothing(tmp_path, TAPE)
    del environment["MAGISTRAL_CASSETTE"]
    executed = run_notebook(notebook, tmp_path, environment=environment)
    (answer,) = shown(executed.cells[3])
    assert len(answer["text"]) > 10
    assert tried(tmp_path) == ""
