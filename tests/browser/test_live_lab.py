"""A live reply in JupyterLab with the labextension: what a reader sees who reloads, restarts, saves and comes back."""

# mypy: allow-untyped-calls
# (nbformat and nbconvert have no types of their own)

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Browser, Page, expect

from magistral_nb.notebook.unfinished import WIDGET_MIME
from magistral_nb.rendering.reply import REPLY_MIME
from tests.browser.jupyterlab import JupyterLab, outputs, run_cell, wait_for_kernel
from tests.browser.test_live_reply import START_CELL, held_until, notebook_with, slowly
from tests.browser.test_live_widget import SAVE, WATCH, WORDS, ended, no_widget_error, stopped
from tests.fake_server import FakeServer

pytestmark = pytest.mark.browser

KERNEL = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
NUMBERED = [{"reasoning": f"step{n} "} for n in range(10)] + [{"content": f"word{n} "} for n in range(160)]
"""Seventeen seconds of it at ten a second: longer than a reload takes, and the time between two renewals."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterLab]:
    with JupyterLab(tmp_path_factory.mktemp("lab"), labextension=True) as lab:
        yield lab


@pytest.fixture
def lesson(lab: JupyterLab, page: Page, server: FakeServer) -> Page:
    """Open a notebook with one question in its second cell, and wait for its kernel."""
    return opened(lab, page, server, "lesson.ipynb")


def opened(lab: JupyterLab, page: Page, server: FakeServer, name: str) -> Page:
    question = f"%%magistral --base-url {server.base_url} -m magistral-small -o r\nWhat is two and two?"
    written = notebook_with("%load_ext magistral_nb", question, "%magistral status")
    (lab.notebooks / name).write_text(written, "utf-8")
    lab.open(page, name)
    wait_for_kernel(page)
    run_cell(page, 0)
    page.evaluate(WATCH)
    return page


def live(page: Page) -> Any:
    return page.locator(".magistral-stored .magistral-reply[aria-busy=true]")


def saved(lab: JupyterLab, page: Page, name: str = "lesson.ipynb") -> Any:
    page.evaluate(SAVE)
    return nbformat.read(lab.notebooks / name, as_version=4)


def wait_for_renewal(page: Page) -> dict[str, Any]:
    """Wait until the notebook holds a part of the reply, and return that output."""
    page.wait_for_function(
        """() => {
            const cell = window.jupyterapp.shell.currentWidget.content.widgets[1];
            return cell.model.outputs.toJSON()[0]?.data['text/plain']?.includes('word3');
        }""",
        timeout=15_000,
    )
    (output,) = outputs(page, 1)
    return output


def test_it_streams_in_place_and_what_is_saved_meanwhile_is_renewed_unseen(
    lesson: Page, server: FakeServer, lab: JupyterLab, take_shot: Callable[[Page, str], None]
) -> None:
    server.play(slowly(NUMBERED[:90], 0.1))
    lesson.evaluate(START_CELL, 1)
    view = live(lesson)
    expect(view.locator(".magistral-answer")).to_contain_text("word3", timeout=30_000)
    head = view.locator("button.magistral-thinking-head")
    expect(head).to_have_attribute("aria-expanded", "false")  # it folds when the answer begins
    head.click()
    lesson.evaluate(
        """() => {
            window.first = document.querySelector('.magistral-reply');
            window.texts = [];
            new MutationObserver(() => window.texts.push(document.querySelector('.jp-Notebook').innerText))
                .observe(window.first.closest('.jp-OutputArea'), {childList: true, subtree: true});
        }"""
    )
    kept = wait_for_renewal(lesson)
    assert set(kept["data"]) == {REPLY_MIME, "text/plain"}  # no widget: without its kernel it would be an error
    assert kept["data"]["text/plain"].endswith("unfinished: `%magistral recover` shows all that has arrived")
    assert lesson.evaluate("() => window.first === document.querySelector('.magistral-reply')")
    expect(head).to_have_attribute("aria-expanded", "true")
    take_shot(lesson, "lab-live")
    (final,) = ended(lesson)
    assert set(final["data"]) == {REPLY_MIME, "text/html", "text/plain"}
    reply = lesson.locator(".magistral-reply")
    expect(reply).to_have_count(1)
    expect(reply).to_have_attribute("aria-busy", "false")
    expect(reply.locator("button.magistral-thinking-head")).to_have_attribute("aria-expanded", "true")
    assert reply.locator(".magistral-answer").inner_text().split() == [f"word{n}" for n in range(80)]
    assert not any("unfinished" in text or "Loading widget" in text for text in lesson.evaluate("() => window.texts"))
    run_cell(lesson, 2)
    assert "widget  (a page with cells asks)" in outputs(lesson, 2)[0]["text"]

    notebook = saved(lab, lesson)
    notebook.cells.append(nbformat.v4.new_markdown_cell("Changed by somebody else: not trusted any more."))
    nbformat.write(notebook, lab.notebooks / "lesson.ipynb")
    lesson.evaluate("async () => { await window.jupyterapp.shell.currentWidget.sessionContext.shutdown(); }")
    lab.open(lesson, "lesson.ipynb")
    expect(lesson.locator(".magistral-stored .magistral-answer")).to_contain_text("word79")
    assert not lesson.evaluate("() => window.jupyterapp.shell.currentWidget.content.widgets[1].model.trusted")
    no_widget_error(lesson)


def test_stop_in_mid_stream_and_before_the_first_word(lesson: Page, server: FakeServer) -> None:
    server.play([*slowly(WORDS[:20], 0.05)[:-4], 60.0])
    lesson.evaluate(START_CELL, 1)
    expect(live(lesson).locator(".magistral-answer")).to_contain_text("word3", timeout=30_000)
    lesson.locator(".magistral-stop").click()
    stopped(lesson, server)
    picture, error = ended(lesson)
    assert "word3" in picture["data"]["text/html"]
    assert error["ename"] == "Stopped"

    server.play([60.0])
    asked = len(server.requests)
    lesson.evaluate(START_CELL, 1)
    assert server.wait_for(lambda: len(server.requests) > asked, 30)
    live(lesson).locator(".magistral-stop").click(timeout=30_000)
    stopped(lesson, server)
    (error,) = ended(lesson)
    assert error["ename"] == "Stopped"


def test_a_kernel_that_has_waited_in_vain_for_the_page_asks_it_again(lesson: Page, server: FakeServer) -> None:
    """As after a first cell that was out of sight."""
    code = "get_ipython().magics_manager.registry['Magistral'].control.is_deaf = True"
    lesson.evaluate(f"async code => {{ await {KERNEL}.requestExecute({{code}}).done; }}", code)
    run_cell(lesson, 2)
    assert "html  (the page did not say that it draws)" in outputs(lesson, 2)[0]["text"]
    server.play(slowly(WORDS[:12], 0.05))
    run_cell(lesson, 1)
    expect(lesson.locator(".magistral-stored .magistral-answer")).to_contain_text("word1")
    lesson.wait_for_timeout(300)
    run_cell(lesson, 2)
    assert "widget  (a page with cells asks)" in outputs(lesson, 2)[0]["text"]


def test_a_page_that_is_loaded_in_mid_stream_goes_on_while_the_cell_runs(
    lesson: Page, server: FakeServer, lab: JupyterLab
) -> None:
    go_on = threading.Event()
    words = slowly(NUMBERED, 0.1)
    server.play([*words[:140], *held_until(go_on), *words[140:]])
    lesson.evaluate(START_CELL, 1)
    wait_for_renewal(lesson)
    lesson.evaluate(SAVE)
    lab.open(lesson, "lesson.ipynb")
    # At once what was saved; then, while the cell runs, all of it, and each new word.
    expect(lesson.locator(".magistral-reply")).to_contain_text("unfinished: `%magistral recover`", timeout=2_500)
    expect(lesson.locator(".magistral-reply")).to_contain_text("word3")
    expect(live(lesson).locator(".magistral-answer")).to_contain_text("word59", timeout=20_000)
    assert live(lesson).locator(".magistral-answer").inner_text().split() == [f"word{n}" for n in range(60)]
    go_on.set()
    expect(live(lesson).locator(".magistral-answer")).to_contain_text("word65", timeout=9_000)
    whole = lesson.locator(".magistral-reply[aria-busy=false] .magistral-answer")
    expect(whole).to_contain_text("word159", timeout=30_000)
    assert whole.inner_text().split() == [f"word{n}" for n in range(160)]
    no_widget_error(lesson)
    # The kernel's last picture does not reach this page by itself, but the notebook has it all the same.
    lesson.wait_for_function(
        """() => {
            const cell = window.jupyterapp.shell.currentWidget.content.widgets[1];
            return cell.model.outputs.toJSON()[0].data['text/html']?.includes('word159');
        }""",
        timeout=10_000,
    )
    (kept,) = saved(lab, lesson).cells[1].outputs
    assert set(kept.data) == {REPLY_MIME, "text/html", "text/plain"}


def test_two_pages_of_one_kernel_and_stop_in_the_second(
    lesson: Page, server: FakeServer, lab: JupyterLab, browser: Browser
) -> None:
    server.play([*slowly(NUMBERED, 0.1)[:-4], 60.0])
    lesson.evaluate(START_CELL, 1)
    wait_for_renewal(lesson)
    lesson.evaluate(SAVE)
    context = browser.new_context(viewport={"width": 1200, "height": 1000})
    second = context.new_page()
    lab.open(second, "lesson.ipynb")
    second.evaluate(WATCH)
    expect(live(second).locator(".magistral-answer")).to_contain_text("word3", timeout=10_000)
    expect(live(lesson).locator(".magistral-answer")).to_contain_text("word3")
    live(second).locator(".magistral-stop").click()
    stopped(second, server)
    for page in (lesson, second):
        expect(page.locator(".magistral-reply[aria-busy=false]")).to_contain_text("stopped by you", timeout=5_000)
    context.close()


def test_two_notebooks_of_one_page_stream_at_once(lab: JupyterLab, page: Page, server: FakeServer) -> None:
    opened(lab, page, server, "one.ipynb")
    server.play(slowly([{"content": f"one{n} "} for n in range(60)], 0.1))
    server.play(slowly([{"content": f"two{n} "} for n in range(60)], 0.1))
    question = f"%%magistral --base-url {server.base_url} -m magistral-small\nHow?"
    (lab.notebooks / "two.ipynb").write_text(notebook_with("%load_ext magistral_nb", question), "utf-8")
    page.evaluate(
        """async () => {
            window.one = window.jupyterapp.shell.currentWidget;
            window.two = await window.jupyterapp.commands.execute(
                'docmanager:open', {path: 'two.ipynb', options: {mode: 'split-right'}});
            await window.two.context.ready;
            await window.two.sessionContext.ready;
            await window.two.sessionContext.session.kernel.info;
        }"""
    )
    page.wait_for_function("() => window.two.sessionContext.session?.kernel?.status === 'idle'")
    page.evaluate("() => window.jupyterapp.shell.activateById(window.two.id)")
    run_cell(page, 0)
    page.evaluate("() => window.jupyterapp.shell.activateById(window.one.id)")
    page.evaluate(START_CELL, 1)
    assert server.wait_for(lambda: len(server.requests) == 1, 15)
    page.evaluate("() => window.jupyterapp.shell.activateById(window.two.id)")
    page.evaluate(START_CELL, 1)
    expect(live(page)).to_have_count(2, timeout=15_000)
    for name in ("one", "two"):
        end = page.locator(".magistral-reply[aria-busy=false] .magistral-answer", has_text=f"{name}59")
        expect(end).to_have_count(1, timeout=30_000)
        assert end.inner_text().split() == [f"{name}{n}" for n in range(60)]


def test_a_kernel_that_is_restarted_or_killed_in_mid_stream_leaves_the_text(
    lesson: Page, server: FakeServer, lab: JupyterLab, tmp_path: Path, take_shot: Callable[[Page, str], None]
) -> None:
    server.play(slowly(NUMBERED, 0.1))
    lesson.evaluate(START_CELL, 1)
    wait_for_renewal(lesson)
    lesson.evaluate(f"async () => {{ await {KERNEL}.restart(); }}")
    reply = lesson.locator(".magistral-reply")
    expect(reply).to_have_attribute("aria-busy", "false", timeout=5_000)
    expect(reply).to_contain_text("The kernel ended before the reply did")
    expect(reply.locator(".magistral-answer")).to_contain_text("word3")
    expect(reply.locator(".magistral-stop")).to_be_hidden()
    take_shot(lesson, "lab-restarted")

    wait_for_kernel(lesson)
    run_cell(lesson, 0)
    server.play(slowly(NUMBERED, 0.1))
    lesson.evaluate(START_CELL, 1)
    wait_for_renewal(lesson)
    notebook = saved(lab, lesson)
    assert WIDGET_MIME not in notebook.cells[1].outputs[0].data
    lesson.evaluate("async () => { await window.jupyterapp.shell.currentWidget.sessionContext.shutdown(); }")
    lab.open(lesson, "lesson.ipynb")  # this starts another kernel, which knows nothing of it
    wait_for_kernel(lesson)
    expect(reply).to_contain_text("word3")
    expect(reply).to_contain_text("unfinished: `%magistral recover`")
    time.sleep(2.5)  # longer than anything is waited for
    expect(reply).to_contain_text("word3")
    no_widget_error(lesson)
    take_shot(lesson, "lab-unfinished")

    path = tmp_path / "page.html"
    path.write_text(HTMLExporter().from_notebook_node(notebook)[0], "utf-8")
    lesson.goto(path.as_uri())
    expect(lesson.locator(".jp-OutputArea").last).to_contain_text("word3")
    expect(lesson.locator(".jp-OutputArea").last).to_contain_text("unfinished: `%magistral recover`")
