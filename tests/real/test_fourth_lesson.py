"""The fourth lesson, by a real kernel: the panel asks while cells run, from the cassette and live."""

from __future__ import annotations

import re
from typing import Any

import pytest

from magistral_nb.panel.transcript import PANEL_MIME
from tests.real.run_notebooks import ROOT, run_notebook, shown, tried, with_nothing

pytestmark = pytest.mark.real
LESSON = ROOT / "examples" / "04_the_panel.ipynb"
TAPE = LESSON.with_suffix(".jsonl")
Told = dict[str, list[Any]]


@pytest.fixture(scope="module", params=["cassette", "live"])
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Give what each cell of the lesson shows at the end, by its source."""
    folder = tmp_path_factory.mktemp("lesson")
    environment = with_nothing(folder, TAPE) if request.param == "cassette" else None
    notebook = run_notebook(LESSON, folder, environment=environment)
    assert request.param == "live" or tried(folder) == ""
    return {cell.source: shown(cell) for cell in notebook.cells if cell.cell_type == "code"}


def cell(told: Told, words: str) -> list[Any]:
    """Return what the one cell shows in whose source these words stand."""
    (found,) = [outputs for source, outputs in told.items() if words in source]
    return found


def printed(told: Told, words: str) -> str:
    return "".join(output["text"] for output in cell(told, words) if output.get("name") == "stdout")


def test_python_asks_and_reads_what_was_said(told: Told) -> None:
    assert len(printed(told, 'tutor.ask("Why is the sky blue?").result()')) > 10
    asked, answered = printed(told, "tutor.messages[-2:]").splitlines()
    assert asked == "user · Why is the sky blue?"
    assert re.fullmatch(r"assistant · \S.*", answered)


def test_it_goes_on_beside_a_cell_and_takes_one_question_at_a_time(told: Told) -> None:
    assert printed(told, "rounds = 0") == "False True True\n"
    refused, complete = printed(told, "import ConfigurationError").splitlines()
    assert "one at a time" in refused
    assert complete == "True"


def test_it_is_observed_and_composed(told: Told) -> None:
    assert re.findall(r"^(\d)\. \d+ tokens$", printed(told, "join(diary)"), re.MULTILINE) == ["1", "2", "3"]
    assert printed(told, "print(label.value)") == "your turn\n"


def test_thoughts_that_are_kept_are_paid_for(told: Told) -> None:
    lines = printed(told, "for question in").splitlines()
    (none, fewer), (kept, more) = [re.findall(r"^(\w+) (\d+)", line)[0] for line in lines]
    assert (none, kept) == ("none", "all")
    assert int(fewer) < int(more)


def test_the_notebook_keeps_the_text_and_no_widget(told: Told) -> None:
    first, below = cell(told, "tutor = ChatPanel(")
    assert set(first["data"]) == {PANEL_MIME, "text/html", "text/plain"}
    assert "And at night?" in first["data"]["text/html"]
    assert "And at night?" in first["data"]["text/plain"]
    assert below["data"] == {"text/plain": ""}
    assert len(first["data"][PANEL_MIME]["turns"]) == 3
