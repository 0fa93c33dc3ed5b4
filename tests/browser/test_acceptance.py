"""Acceptance cases that need a page, as stated in `shared/notes/peers.md`, 2b; and F58 of the fault matrix."""

# mypy: allow-untyped-calls
# (nbformat and nbconvert have no types of their own)

from __future__ import annotations

import os
import signal
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Page, expect

from magistral_nb.rendering.reply import REPLY_MIME
from tests.browser.jupyterlab import JupyterLab, outputs, run_cell, wait_for_kernel
from tests.browser.test_live_reply import MATH, START_CELL, notebook_with, slowly
from tests.browser.test_live_widget import SAVE, ended, no_widget_error
from tests.fake_server import FakeServer

pytestmark = pytest.mark.browser

HEAD = "button.magistral-thinking-head"


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Give a notebook of its own to each test, and so a kernel."""
    return f"{request.node.name}.ipynb"


@pytest.fixture
def lesson(locked_lab: JupyterLab, page: Page, server: FakeServer, name: str) -> Page:
    question = f"%%magistral --base-url {server.base_url} -m magistral-small\nWhat is two and two?"
    written = notebook_with("import os\n%load_ext magistral_nb\nprint(os.getpid())", question)
    (locked_lab.notebooks / name).write_text(written, "utf-8")
    locked_lab.open(page, name)
    wait_for_kernel(page)
    run_cell(page, 0)
    return page


def reopened(lab: JupyterLab, page: Page, name: str) -> None:
    page.evaluate(SAVE)
    page.evaluate("async () => { await window.jupyterapp.shell.currentWidget.sessionContext.shutdown(); }")
    lab.open(page, name)


def test_a8_two_formulas_and_nothing_else(
    lesson: Page, server: FakeServer, locked_lab: JupyterLab, name: str, tmp_path: Path
) -> None:
    server.play(slowly([{"content": MATH[start : start + 9]} for start in range(0, len(MATH), 9)], 0.05))
    run_cell(lesson, 1)
    answer = lesson.locator(".magistral-reply .magistral-answer")
    for _ in ("as it was drawn", "opened again"):
        expect(answer.locator(".katex")).to_have_count(2, timeout=30_000)
        text = answer.inner_text()
        assert text.startswith("\\(a_1\\) in code, then")
        assert "it costs $5 and $6, regex \\[a-z\\]" in text
        reopened(locked_lab, lesson, name)

    path = tmp_path / "page.html"
    notebook = nbformat.read(locked_lab.notebooks / name, as_version=4)
    path.write_text(HTMLExporter().from_notebook_node(notebook)[0], "utf-8")
    lesson.goto(path.as_uri())
    reply = lesson.locator(".magistral-reply")
    assert reply.locator(".tex2jax_process.mathjax_process").count() == 2  # the page of nbconvert loads MathJax itself
    assert "it costs $5 and $6, regex \\[a-z\\]" in reply.inner_text()


def test_a10_a_fold_stays_as_the_reader_left_it_and_seconds_are_stored(
    lesson: Page, server: FakeServer, locked_lab: JupyterLab, name: str
) -> None:
    tokens = [{"reasoning": f"step{n} "} for n in range(100)] + [{"content": f"word{n} "} for n in range(100)]
    server.play(slowly(tokens, 0.03))
    lesson.evaluate(START_CELL, 1)
    head = lesson.locator(HEAD)
    expect(lesson.locator(".magistral-thinking-box")).to_contain_text("step9", timeout=30_000)
    head.click()  # it is open while it thinks: closed, and opened, by the reader
    expect(head).to_have_attribute("aria-expanded", "false")
    head.click()
    (final,) = ended(lesson)
    expect(lesson.locator(".magistral-reply[aria-busy=false]")).to_contain_text("word99")
    expect(head).to_have_attribute("aria-expanded", "true")

    stored = final["data"][REPLY_MIME]["thinking_seconds"]
    assert 2.5 < stored < 30
    shown = lesson.locator(".magistral-thinking-title").inner_text()
    assert shown == f"Thought for {stored:.1f} s"
    reopened(locked_lab, lesson, name)
    expect(lesson.locator(".magistral-thinking-title")).to_have_text(shown)

    wait_for_kernel(lesson)
    run_cell(lesson, 0)
    server.play(slowly([{"content": f"word{n} "} for n in range(20)], 0.05))
    run_cell(lesson, 1)
    expect(lesson.locator(".magistral-answer")).to_contain_text("word19", timeout=30_000)
    assert lesson.locator(f".magistral-thinking, {HEAD}").count() == 0
    assert "Thought" not in lesson.locator(".magistral-reply").inner_text()


def test_f58_the_kernel_is_gone_in_mid_answer(
    lesson: Page, server: FakeServer, locked_lab: JupyterLab, name: str
) -> None:
    words = [{"reasoning": "Hm. "}] + [{"content": f"word{n} "} for n in range(300)]
    server.play(slowly(words, 0.05))
    lesson.evaluate(START_CELL, 1)
    expect(lesson.locator(".magistral-answer")).to_contain_text("word140", timeout=30_000)
    os.kill(int(outputs(lesson, 0)[0]["text"]), signal.SIGKILL)
    reply = lesson.locator(".magistral-reply")
    expect(reply).to_contain_text("The kernel ended before the reply did", timeout=20_000)
    expect(reply).to_contain_text("word140")
    lesson.evaluate(SAVE)
    (kept,) = nbformat.read(locked_lab.notebooks / name, as_version=4).cells[1].outputs
    assert "word40" in kept.data["text/plain"]  # five seconds or so may be missing, and not more
    assert "unfinished" in kept.data["text/plain"]
    locked_lab.open(lesson, name)
    expect(reply).to_contain_text("word40")
    expect(reply).to_contain_text("unfinished")
    no_widget_error(lesson)
