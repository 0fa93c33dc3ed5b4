"""A reply that the page draws while it streams, in a JupyterLab that has no labextension of ours, as on many a hub.

Needs the page's half: `make test` builds it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from magistral_nb.notebook.built import is_built
from magistral_nb.rendering.reply import REPLY_MIME
from tests.browser.jupyterlab import JupyterLab, outputs, run_cell, wait_for_kernel
from tests.browser.test_live_reply import START_CELL, notebook_with, slowly
from tests.fake_server import FakeServer

pytestmark = pytest.mark.browser

SAVE = "async () => { await window.jupyterapp.commands.execute('docmanager:save'); }"
WATCH = """() => {
    window.shownAt = {};
    new MutationObserver(() => {
        const reply = document.querySelector('.magistral-reply');
        if (reply?.querySelector('.magistral-thinking')) window.shownAt.paint ??= Date.now();
    }).observe(document.body, {childList: true, subtree: true});
    document.addEventListener('click', () => { window.shownAt.click = Date.now(); }, true);
}"""
WIDGET = "%load_ext magistral_nb"
PRINTS_MEANWHILE = """cell => {
    const source = cell => window.jupyterapp.shell.currentWidget.content.widgets[cell].model.sharedModel;
    const lines = ["import threading", "threading.Timer(1, print, ['printed meanwhile']).start()"];
    const [head, body] = source(cell).getSource().split("\\n");
    const options = head.replace("%%magistral ", "");
    lines.push(`get_ipython().run_cell_magic("magistral", ${JSON.stringify(options)}, ${JSON.stringify(body)})`);
    source(cell).setSource(lines.join("\\n"));
}"""
"""The same question, in a cell that also prints before the text is kept for the first time."""
WORDS = [{"reasoning": f"step{n} "} for n in range(10)] + [{"content": f"word{n} "} for n in range(60)]


@pytest.fixture(autouse=True)
def _built() -> None:
    if not is_built():
        pytest.fail("These tests need the page's half: npm --prefix js ci && npm --prefix js run build", pytrace=False)


@pytest.fixture
def lesson(jupyterlab: JupyterLab, page: Page, server: FakeServer) -> Page:
    """Open a notebook with one question in its second cell, and wait for its kernel."""
    question = f"%%magistral --base-url {server.base_url} -m magistral-small -o r\nWhat is two and two?"
    told = "print(r.finish_reason, len(r.thinking), len(r.answer))"
    written = notebook_with(WIDGET, question, told)
    (jupyterlab.notebooks / "widget.ipynb").write_text(written, "utf-8")
    jupyterlab.open(page, "widget.ipynb")
    wait_for_kernel(page)
    run_cell(page, 0)
    page.evaluate(WATCH)
    return page


def ended(page: Page) -> list[dict[str, Any]]:
    page.wait_for_function("() => window.done", timeout=30_000)
    return outputs(page, 1)


def no_widget_error(page: Page) -> None:
    assert "Error displaying widget" not in page.locator(".jp-Notebook").inner_text()


def test_it_streams_keeps_the_readers_fold_and_ends_in_a_static_picture(
    lesson: Page, server: FakeServer, jupyterlab: JupyterLab, take_shot: Callable[[Page, str], None]
) -> None:
    server.play(slowly(WORDS, 0.1))
    lesson.evaluate(START_CELL, 1)
    view = lesson.locator(".lm-Widget .magistral-reply[aria-busy=true]")
    thinking = view.locator(".magistral-thinking")
    expect(thinking).to_contain_text("step3", timeout=30_000)
    expect(view.locator(".magistral-answer")).to_contain_text("word3", timeout=10_000)
    take_shot(lesson, "widget-live")
    head = thinking.locator("button.magistral-thinking-head")
    expect(head).to_have_attribute("aria-expanded", "false")  # it folds when the answer begins
    head.click()
    expect(view.locator(".magistral-answer")).to_contain_text("word12", timeout=10_000)
    expect(head).to_have_attribute("aria-expanded", "true")
    (final,) = ended(lesson)
    assert set(final["data"]) == {REPLY_MIME, "text/html", "text/plain"}
    assert "word59" in final["data"]["text/html"]
    assert final["metadata"][REPLY_MIME]["id"]
    take_shot(lesson, "widget-final")
    lesson.evaluate(SAVE)
    saved = (jupyterlab.notebooks / "widget.ipynb").read_text("utf-8")
    assert "widget-view" not in saved
    assert "widget-state" not in saved
    assert len(saved) < 20_000
    lesson.evaluate("async () => { await window.jupyterapp.shell.currentWidget.sessionContext.shutdown(); }")
    jupyterlab.open(lesson, "widget.ipynb")
    expect(lesson.locator(".magistral-reply")).to_contain_text("word59")
    no_widget_error(lesson)


def test_stop_in_mid_stream(lesson: Page, server: FakeServer) -> None:
    server.play([*slowly(WORDS[:20], 0.05)[:-4], 60.0])
    lesson.evaluate(START_CELL, 1)
    expect(lesson.locator(".magistral-answer")).to_contain_text("word3", timeout=30_000)
    lesson.locator(".magistral-stop").click()
    stopped(lesson, server)
    picture, error = ended(lesson)
    assert "word3" in picture["data"]["text/html"]
    assert error["ename"] == "Stopped"


def test_stop_before_the_first_word(lesson: Page, server: FakeServer) -> None:
    server.play([60.0])
    lesson.evaluate(START_CELL, 1)
    assert server.wait_for(lambda: len(server.requests) == 1, 30)
    lesson.locator(".magistral-stop").click(timeout=30_000)
    stopped(lesson, server)
    (error,) = ended(lesson)
    assert error["ename"] == "Stopped"


def stopped(page: Page, server: FakeServer) -> None:
    """By the comm, not by the interrupt that the page sends 0.7 s later."""
    assert server.wait_closed(5)
    closed_at = time.time()
    print("Stop to stopped, ms:", round(1000 * closed_at - page.evaluate("() => window.shownAt.click")))
    assert 1000 * closed_at - page.evaluate("() => window.shownAt.click") < 690


def test_a_page_that_is_loaded_in_mid_stream_shows_the_whole_reply_when_the_cell_is_over(
    lesson: Page, server: FakeServer, jupyterlab: JupyterLab
) -> None:
    """Not before: JupyterLab asks a kernel for its widgets only when the kernel has said who it is, that is, idle."""
    server.play(slowly(WORDS, 0.25))
    lesson.evaluate(START_CELL, 1)
    expect(lesson.locator(".magistral-answer")).to_contain_text("word3", timeout=30_000)
    kept = lesson.locator("[class^=magistral-so-far-]")
    expect(kept).to_contain_text("unfinished: `%magistral recover`", timeout=10_000)
    lesson.evaluate(SAVE)
    jupyterlab.open(lesson, "widget.ipynb")
    expect(kept).to_be_visible()  # meanwhile what was saved, and no word of a widget
    assert "Loading widget" not in lesson.locator(".jp-Notebook").inner_text()
    view = lesson.locator(".magistral-reply[aria-busy=false]")
    expect(view).to_be_visible(timeout=30_000)
    words = view.locator(".magistral-answer").inner_text().split()
    assert words == [f"word{n}" for n in range(60)]
    no_widget_error(lesson)


def test_what_is_saved_in_mid_stream_stands_beside_the_widget_and_is_seen_only_without_it(
    lesson: Page, server: FakeServer, jupyterlab: JupyterLab, take_shot: Callable[[Page, str], None]
) -> None:
    """JupyterLab says of a lost widget that it is lost; that is hidden, and what the cell itself prints is not."""
    server.play(slowly([*WORDS, *WORDS], 0.1))
    lesson.evaluate(PRINTS_MEANWHILE, 1)
    lesson.evaluate(START_CELL, 1)
    view = lesson.locator(".magistral-reply[aria-busy=true]")
    expect(view.locator(".magistral-answer")).to_contain_text("word3", timeout=30_000)
    kept = lesson.locator("[class^=magistral-so-far-]")
    expect(kept).to_contain_text("unfinished: `%magistral recover`", timeout=10_000)
    expect(kept).to_be_hidden()
    assert kept.evaluate("node => node.closest('.jp-OutputArea-child').getBoundingClientRect().height") == 0
    expect(view.locator(".magistral-stop")).to_be_visible()
    printed = lesson.locator(".jp-OutputArea").get_by_text("printed meanwhile", exact=True)
    assert [one["output_type"] for one in outputs(lesson, 1)] == ["display_data", "stream", "display_data"]
    expect(printed).to_be_visible()
    lesson.evaluate(SAVE)
    lesson.evaluate("async () => { await window.jupyterapp.shell.currentWidget.sessionContext.shutdown(); }")
    expect(view).to_have_count(0)
    jupyterlab.open(lesson, "widget.ipynb")
    wait_for_kernel(lesson)
    expect(kept).to_contain_text("word3")
    expect(kept).to_be_visible()
    assert lesson.evaluate("() => window.jupyterapp.shell.currentWidget.content.widgets[1].model.trusted")
    expect(lesson.get_by_text("Error displaying widget")).to_have_count(1, timeout=10_000)
    no_widget_error(lesson)
    expect(printed).to_be_visible()
    take_shot(lesson, "widget-lost")


def test_a_page_that_draws_no_widgets_gets_html(jupyterlab: JupyterLab, page: Page, server: FakeServer) -> None:
    """The widget's code is broken here, so that the page never says it draws it."""
    setup = f"{WIDGET}\nimport magistral_nb.notebook.widgets as w, pathlib\nw.STUB = pathlib.Path('stub.js')"
    (jupyterlab.notebooks / "stub.js").write_text("export default {render() {}}", "utf-8")
    question = f"%%magistral --base-url {server.base_url} -m magistral-small\nWhat is two and two?"
    (jupyterlab.notebooks / "deaf.ipynb").write_text(notebook_with(setup, question), "utf-8")
    jupyterlab.open(page, "deaf.ipynb")
    wait_for_kernel(page)
    run_cell(page, 0)
    server.play(slowly(WORDS, 0.15))
    page.evaluate(START_CELL, 1)
    expect(page.locator(".magistral-reply").last).to_contain_text("word20", timeout=30_000)
    assert page.locator("[aria-busy]").count() == 0
    (final,) = ended(page)
    assert "word59" in json.dumps(final["data"])


def test_the_style_of_the_page_leaves_static_pictures_alone(lesson: Page, server: FakeServer) -> None:
    """The page's style comes with the first live reply; what stood there before it keeps its look."""
    look = """() => {
        const style = getComputedStyle(document.querySelector('.magistral-reply.mathjax_ignore'));
        return [style.color, style.maxWidth, style.lineHeight, style.padding, style.fontFamily];
    }"""
    server.play(slowly(WORDS[:14], 0.1))
    lesson.evaluate(START_CELL, 1)
    ended(lesson)
    expect(lesson.locator(".magistral-reply.mathjax_ignore")).to_have_count(1)
    styles = lesson.locator("style.magistral-style")
    expect(styles).to_have_count(1)
    with_style = lesson.evaluate(look)
    styles.evaluate("node => node.remove()")
    assert lesson.evaluate(look) == with_style
