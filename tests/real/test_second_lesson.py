"""The second lesson, run by a real kernel: what stands in its text is what its cells show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from magistral_nb.chat_format import PROMPT_MIME
from magistral_nb.rendering.reply import REPLY_MIME
from tests.hostile import dangers
from tests.html_reading import read

pytestmark = pytest.mark.real
LESSON = Path(__file__).parents[2] / "examples" / "02_the_chat_format.ipynb"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    notebook = nbformat.read(LESSON, as_version=4)  # type: ignore[no-untyped-call]  # nbformat has no types here
    folder = str(tmp_path_factory.mktemp("lesson"))
    executed = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": folder}}).execute()
    assert all(not cell.get("outputs") for cell in nbformat.read(LESSON, as_version=4).cells)  # type: ignore[no-untyped-call]  # nor here
    return [output for cell in executed.cells for output in cell.get("outputs", [])]


def printed(outputs: list[Any]) -> str:
    return "".join(output["text"] for output in outputs if output.get("name") == "stdout")


def replies(outputs: list[Any]) -> list[Any]:
    return [output.data[REPLY_MIME] for output in outputs if REPLY_MIME in output.get("data", {})]


def test_prompts_are_shown_once_each_in_three_forms(outputs: list[Any]) -> None:
    prompts = [output.data for output in outputs if PROMPT_MIME in output.get("data", {})]
    assert len(prompts) == 2
    for prompt in prompts:
        assert prompt[PROMPT_MIME]["template"] == "2509"
        assert {"text/html", "text/plain"} <= set(prompt)
    assert [thought["message"] for thought in prompts[1][PROMPT_MIME]["dropped"]] == [2]


def test_the_system_prompt_is_what_makes_it_think(outputs: list[Any]) -> None:
    told = [line.split(": ")[1] for line in printed(outputs).splitlines() if "it says how to think" in line]
    assert told == ["True", "False", "False"]


def test_dropped_thinking_saves_tokens(outputs: list[Any]) -> None:
    lines = [line.split() for line in printed(outputs).splitlines() if "thoughts left out" in line]
    assert [line[0] for line in lines] == ["none", "last", "all"]
    assert [line[-1] for line in lines] == ["2", "1", "0"]
    assert int(lines[0][2]) < int(lines[1][2]) < int(lines[2][2])


def test_the_injection_fails(outputs: list[Any]) -> None:
    text = printed(outputs)
    assert "The same string: True" in text
    assert "Control tokens, attack: <s> [INST] [/INST]\n" in text
    reply = replies(outputs)[0]
    assert "sky" in reply["answer"]
    assert "pirate" not in reply["answer"]


def test_a_model_that_was_talked_round_can_only_write(outputs: list[Any]) -> None:
    text = printed(outputs)
    assert "Control tokens, injection: <s> [INST] [/INST]\n" in text
    assert [line.split()[-1] for line in text.splitlines() if "in the page:" in line] == ["False"] * 4
    assert "run: False\n" in text
    (html,) = [output.data["text/html"] for output in outputs if "talked round" in str(output.get("data", {}))]
    reading = read(html)
    assert dangers(reading) == []
    assert [link.text for link in reading.all("a")] == ["[image: ok — collect.invalid]", "https://help.example"]
    assert "https://help.example (collect.invalid)" in reading.text


def test_what_is_hidden_is_written_out(outputs: list[Any]) -> None:
    assert "28 characters" in printed(outputs)
    (hidden,) = [output.data for output in outputs if "repeats what it read" in str(output.get("data", {}))]
    for seen in (hidden["text/plain"], hidden["text/html"]):
        assert "Lovely soup.⟨U+E0020⟩⟨U+E0053⟩" in seen


def test_the_count_of_a_loaded_model_is_exact(outputs: list[Any]) -> None:
    (count,) = [line for line in printed(outputs).splitlines() if line.endswith(" tokens")][-1:]
    assert not count.startswith("about")
