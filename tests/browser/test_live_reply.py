"""A cell that streams, in real JupyterLab: what moves, what stays open, and what is left at the end."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Page, expect

from tests.browser.jupyterlab import JupyterLab, outputs, run_cell, wait_for_kernel
from tests.fake_server import FakeServer
from tests.test_client import events_of

pytestmark = pytest.mark.browser

START_CELL = """index => {
    window.done = false;
    window.jupyterapp.shell.currentWidget.content.activeCellIndex = index;
    window.jupyterapp.commands.execute('notebook:run-cell').then(() => { window.done = true; });
}"""
HTML_VIEW = "%load_ext magistral_nb\n%config Magistral.view = 'html'"
MATH = "`\\(a_1\\)` in code, then \\(a_1 * b_1\\), \\[x^2\\], it costs $5 and $6, regex `\\[a-z\\]`"


def notebook_with(*sources: str) -> str:
    notebook: Any = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]  # nbformat has no types here
    cell = nbformat.v4.new_code_cell
    notebook.cells = [cell(source) for source in sources]  # type: ignore[no-untyped-call]  # nor here
    # Without a kernel's name JupyterLab asks for one in a dialog, and waits.
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return json.dumps(notebook)


def slowly(deltas: list[dict[str, str]], pause: float) -> list[bytes | float]:
    script: list[bytes | float] = []
    for event in events_of(*deltas).split(b"\n\n"):
        if event:
            script += [event + b"\n\n", pause]
    return script


def held_until(go_on: threading.Event) -> list[Callable[[], bool]]:
    """Return steps that hold a stream open until a test says so, for a minute at most."""
    return [lambda: go_on.wait(5) or True] * 12


@pytest.fixture
def lesson(jupyterlab: JupyterLab, page: Page, server: FakeServer) -> Page:
    """Open a notebook with one question in its second cell, and wait for its kernel."""
    question = f"%%magistral --base-url {server.base_url} -m magistral-small\nWhat is two and two?"
    (jupyterlab.notebooks / "live.ipynb").write_text(notebook_with(HTML_VIEW, question), "utf-8")
    jupyterlab.open(page, "live.ipynb")
    wait_for_kernel(page)
    run_cell(page, 0)
    return page


def test_a_fold_that_the_reader_closed_stays_closed_while_the_answer_streams(lesson: Page, server: FakeServer) -> None:
    deltas = [{"reasoning": "Two and two."}] + [{"content": f"word{n} "} for n in range(30)]
    server.play(slowly(deltas, 0.15))
    lesson.evaluate(START_CELL, 1)
    expect(lesson.get_by_text("word3")).to_be_visible(timeout=30_000)
    thinking = lesson.locator("details.magistral-thinking")
    assert thinking.evaluate("node => node.open")
    thinking.locator("summary").click()
    expect(lesson.get_by_text("word12")).to_be_visible(timeout=10_000)
    assert not thinking.evaluate("node => node.open")
    expect(thinking.locator("summary")).to_contain_text("Thought")
    lesson.wait_for_function("() => window.done", timeout=30_000)
    (final,) = outputs(lesson, 1)
    assert "word29" in final["data"]["text/html"]


def test_math_and_prices_in_a_live_cell(
    lesson: Page, server: FakeServer, hosts_called: set[str], take_shot: Callable[[Page, str], None]
) -> None:
    deltas = [{"reasoning": "So \\(n^2\\)."}, {"content": MATH}, {"content": "\n\n![x](https://collect.invalid/p.png)"}]
    server.play(events_of(*deltas))
    run_cell(lesson, 1)
    answer = lesson.locator(".magistral-reply")
    expect(answer).to_have_count(1)
    expect(answer.locator("mjx-container")).to_have_count(3)
    assert "it costs $5 and $6" in answer.inner_text()
    assert hosts_called == set()
    take_shot(lesson, "live-final")
