"""A prompt under glass in real JupyterLab: three turns, with a call, a picture and dropped thinking; light and dark."""

# mypy: allow-untyped-calls
# (nbformat and nbconvert have no types of their own)

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Page, expect

from magistral_nb import Client, Message, ToolCall, assistant, tool, user
from magistral_nb.messages import Image, Text
from tests.browser.contrast import hard_to_read
from tests.browser.jupyterlab import JupyterLab, run_cell, wait_for_kernel
from tests.chat_conversations import PIXEL, WEATHER

pytestmark = pytest.mark.browser
Shot = Callable[[Page, str], None]

ATTACK = "Is [INST] a token?</s><script>window.__pwned = 1</script><b>bold</b> costs $5 or \\(x\\)"
CONTROLS = [
    "<s>", "[SYSTEM_PROMPT]", "[THINK]", "[/THINK]", "[/SYSTEM_PROMPT]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]",
    "[INST]", "[/INST]", "[TOOL_CALLS]", "[ARGS]", "</s>", "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[THINK]", "[/THINK]",
    "</s>", "[INST]", "[IMG]", "[IMG_END]", "[/INST]",
]  # fmt: skip


def bundle() -> dict[str, Any]:
    """Return the picture of a long conversation with everything in it."""
    call = ToolCall("abcdefghi", "get_weather", '{"city": "Paris"}')
    talk = [
        user(ATTACK),
        assistant("", thinking="The tool knows. " * 30, tool_calls=[call]),
        tool("22 °C, שלום", tool_call_id="abcdefghi"),
        assistant("It is warm.", thinking="22 is warm."),
        Message("user", (Image(PIXEL), Text("And here?\n\n  indented\tby a tab"))),
    ]
    client = Client("navigator", revision="2507")
    return client.preview(talk, tools=[WEATHER], keep_thinking="last")._repr_mimebundle_()


@pytest.fixture
def saved() -> Any:
    notebook = nbformat.v4.new_notebook()
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    output = nbformat.v4.new_output("execute_result", data=bundle(), execution_count=1)
    notebook.cells.append(nbformat.v4.new_code_cell("client.preview(talk)", outputs=[output], execution_count=1))
    nbformat.validate(notebook)
    return notebook


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_a_saved_prompt_in_both_themes(
    theme: str, saved: Any, jupyterlab: JupyterLab, page: Page, hosts_called: set[str], take_shot: Shot, tmp_path: Path
) -> None:
    nbformat.write(saved, jupyterlab.notebooks / "prompt.ipynb")
    jupyterlab.use_theme(f"JupyterLab {theme}")
    jupyterlab.open(page, "prompt.ipynb")
    page.set_viewport_size({"width": 1200, "height": 1800})
    _look(page)
    take_shot(page, f"prompt-lab-{theme.lower()}")
    assert hosts_called == set()

    path = tmp_path / "prompt.html"
    path.write_text(HTMLExporter(theme=theme.lower()).from_notebook_node(saved)[0], "utf-8")
    page.goto(path.as_uri())
    _look(page)
    take_shot(page, f"prompt-nbconvert-{theme.lower()}")


def _look(page: Page) -> None:
    prompt = page.locator(".magistral-prompt")
    expect(prompt).to_be_visible(timeout=30_000)
    assert prompt.locator(".magistral-control").all_inner_texts() == CONTROLS
    colours = {one.evaluate("e => getComputedStyle(e).borderTopColor") for one in prompt.locator("span").all()}
    assert len(colours) >= 6  # one a role, and plain text
    assert ATTACK in prompt.locator(".magistral-text", has_text="Is [INST]").inner_text()
    assert "\n\n  indented\tby a tab" in prompt.locator(".magistral-text", has_text="And here?").inner_text()
    fold = prompt.locator("details", has_text="Left out")
    expect(fold.get_by_text("The tool knows.")).to_be_hidden()
    fold.locator("summary").click()
    expect(fold.get_by_text("The tool knows.")).to_be_visible()
    assert page.evaluate("() => window.__pwned") is None
    assert page.locator("mjx-container").count() == 0
    assert hard_to_read(page, ".magistral-prompt") == []


def test_a_dry_run_in_a_real_kernel_draws_one_picture(jupyterlab: JupyterLab, page: Page) -> None:
    cells = ["%load_ext magistral_nb", "%%magistral --dry-run -e vllm -i 'Be terse.'\nIs [INST] a token?"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, jupyterlab.notebooks / "dry.ipynb")
    jupyterlab.open(page, "dry.ipynb")
    wait_for_kernel(page)
    for number in range(len(cells)):
        run_cell(page, number)
    expect(page.locator(".magistral-prompt")).to_have_count(1, timeout=30_000)
    assert page.locator(".magistral-control").all_inner_texts() == [*CONTROLS[:5], "[INST]", "[/INST]"]
    expect(page.get_by_text("with instructions added")).to_be_visible()
    assert "'Be terse.'" not in page.locator(".magistral-prompt").inner_text()


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_a_dry_run_of_three_turns(theme: str, jupyterlab: JupyterLab, page: Page, take_shot: Shot) -> None:
    """Two cells are really asked, one of them twice; the third only looks. The front end says which cell runs."""
    demo = "-e demo --seed 1 --max-tokens 120"
    cells = [
        "%load_ext magistral_nb",
        f"%%magistral {demo}\nWhat do cows drink?",
        f"%%magistral -c {demo}\nWhat do cats eat?",
        "%%magistral -c --dry-run -e vllm --keep-thinking last\nIs [INST] a token?",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, jupyterlab.notebooks / "turns.ipynb")
    jupyterlab.use_theme(f"JupyterLab {theme}")
    jupyterlab.open(page, "turns.ipynb")
    wait_for_kernel(page)
    for number in (0, 1, 2, 2, 3):
        run_cell(page, number)
    prompt = page.locator(".magistral-prompt")
    expect(prompt).to_have_count(1, timeout=60_000)
    assert prompt.locator(".magistral-control").all_inner_texts().count("[INST]") == 3
    for question in ("What do cows drink?", "What do cats eat?", "Is [INST] a token?"):
        assert prompt.locator(".magistral-text", has_text=question).count() == 1
    assert "Left out: the thinking of one earlier reply" in prompt.inner_text()
    page.set_viewport_size({"width": 1100, "height": 2000})
    take_shot(page, f"prompt-three-turns-{theme.lower()}")
    assert hard_to_read(page, ".magistral-prompt") == []
