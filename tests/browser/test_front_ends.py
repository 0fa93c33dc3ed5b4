"""A live reply in JupyterLab and in Notebook 7, on a server with a token and XSRF on: read, stopped, opened again."""

# mypy: allow-untyped-calls
# (nbformat has no types of its own)

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Callable

import nbformat
import pytest
from playwright.sync_api import Page, expect

from magistral_nb.rendering.reply import REPLY_MIME
from tests.browser.jupyterlab import FrontEnd, JupyterLab, outputs, run_cell, wait_for_kernel
from tests.browser.test_live_lab import KERNEL, NUMBERED, live, wait_for_renewal
from tests.browser.test_live_reply import START_CELL, held_until, notebook_with, slowly
from tests.browser.test_live_widget import SAVE, WATCH, ended, no_widget_error, stopped
from tests.fake_server import FakeServer

pytestmark = pytest.mark.browser

WORDS = [{"reasoning": f"step{n} "} for n in range(10)] + [{"content": f"word{n} "} for n in range(40)]
CLOSE = "async () => { await window.jupyterapp.shell.currentWidget.sessionContext.shutdown(); }"


@pytest.fixture(params=["lab", "notebook"])
def front_end(request: pytest.FixtureRequest) -> FrontEnd:
    front_end: FrontEnd = request.param
    return front_end


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Give a notebook of its own to each test, and so a kernel."""
    return f"{request.node.originalname}-{request.getfixturevalue('front_end')}.ipynb"


@pytest.fixture
def lesson(locked_lab: JupyterLab, page: Page, server: FakeServer, front_end: FrontEnd, name: str) -> Page:
    question = f"%%magistral --base-url {server.base_url} -m magistral-small -o r\nWhat is two and two?"
    written = notebook_with("%load_ext magistral_nb", question, "%magistral status")
    (locked_lab.notebooks / name).write_text(written, "utf-8")
    locked_lab.open(page, name, front_end=front_end)
    wait_for_kernel(page)
    run_cell(page, 0)
    page.evaluate(WATCH)
    return page


def test_the_server_is_locked(locked_lab: JupyterLab) -> None:
    """Else the tests below would show nothing of tokens and XSRF."""
    stranger, reader = (urllib.request.build_opener(urllib.request.HTTPCookieProcessor()) for _ in range(2))
    with pytest.raises(urllib.error.HTTPError, match="403"):
        stranger.open(f"{locked_lab.url}/api/contents", timeout=5)
    reader.open(f"{locked_lab.url}/lab?token={locked_lab.token}", timeout=5).close()
    reader.open(f"{locked_lab.url}/api/contents", timeout=5).close()
    with pytest.raises(urllib.error.HTTPError, match="403"):
        reader.open(f"{locked_lab.url}/api/sessions", b"{}", timeout=5)  # a form elsewhere sends the cookie as well


def test_it_streams_keeps_the_fold_is_saved_and_opened_again(
    lesson: Page,
    server: FakeServer,
    locked_lab: JupyterLab,
    front_end: FrontEnd,
    name: str,
    take_shot: Callable[[Page, str], None],
) -> None:
    server.play(slowly(WORDS, 0.07))
    lesson.evaluate(START_CELL, 1)
    view = lesson.locator(".magistral-reply[aria-busy=true]")
    head = view.locator("button.magistral-thinking-head")
    expect(view.locator(".magistral-thinking-box")).to_contain_text("step3", timeout=30_000)
    expect(head).to_have_attribute("aria-expanded", "true")
    expect(view.locator(".magistral-answer")).to_contain_text("word2", timeout=10_000)
    expect(head).to_have_attribute("aria-expanded", "false")  # it folds when the answer begins
    head.click()
    expect(view.locator(".magistral-answer")).to_contain_text("word9", timeout=10_000)
    expect(head).to_have_attribute("aria-expanded", "true")
    (final,) = ended(lesson)
    assert set(final["data"]) == {REPLY_MIME, "text/html", "text/plain"}
    reply = lesson.locator(".magistral-reply[aria-busy=false]")
    expect(reply).to_have_count(1)
    expect(reply.locator("button.magistral-thinking-head")).to_have_attribute("aria-expanded", "true")
    run_cell(lesson, 2)
    assert "view          widget" in outputs(lesson, 2)[0]["text"]

    lesson.evaluate(SAVE)
    notebook = nbformat.read(locked_lab.notebooks / name, as_version=4)
    nbformat.validate(notebook)
    assert "widgets" not in notebook.metadata
    lesson.evaluate(CLOSE)
    notebook.cells.append(nbformat.v4.new_markdown_cell("Changed by somebody else: not trusted any more."))
    nbformat.write(notebook, locked_lab.notebooks / name)
    locked_lab.open(lesson, name, front_end=front_end)
    expect(reply.locator(".magistral-answer")).to_contain_text("word39")
    assert not lesson.evaluate("() => window.jupyterapp.shell.currentWidget.content.widgets[1].model.trusted")
    expect(reply.locator("button.magistral-thinking-head")).to_have_attribute("aria-expanded", "false")
    no_widget_error(lesson)
    take_shot(lesson, f"reopened-{front_end}")


def test_stop_before_and_after_the_first_word(lesson: Page, server: FakeServer) -> None:
    server.play([60.0])
    lesson.evaluate(START_CELL, 1)
    assert server.wait_for(lambda: len(server.requests) == 1, 30)
    lesson.locator(".magistral-reply[aria-busy=true] .magistral-stop").click(timeout=30_000)
    stopped(lesson, server)
    (error,) = ended(lesson)
    assert error["ename"] == "Stopped"

    server.play([*slowly(WORDS[:20], 0.05)[:-4], 60.0])
    lesson.evaluate(START_CELL, 1)
    view = lesson.locator(".magistral-reply[aria-busy=true]")
    expect(view.locator(".magistral-answer")).to_contain_text("word3", timeout=30_000)
    view.locator(".magistral-stop").click()
    stopped(lesson, server)
    picture, error = ended(lesson)
    assert "word3" in picture["data"]["text/html"]
    assert error["ename"] == "Stopped"
    expect(lesson.locator(".magistral-reply")).to_contain_text("stopped by you")


def test_two_notebooks_a_reload_and_a_restart_in_notebook_7(
    locked_lab: JupyterLab, page: Page, server: FakeServer, take_shot: Callable[[Page, str], None]
) -> None:
    """Each notebook is a tab of its own there; the first is loaded again while both stream, and then restarted."""
    other = page.context.new_page()
    question = f"%%magistral --base-url {server.base_url} -m magistral-small\nHow?"
    for tab, name in ((page, "first.ipynb"), (other, "second.ipynb")):
        (locked_lab.notebooks / name).write_text(notebook_with("%load_ext magistral_nb", question), "utf-8")
        locked_lab.open(tab, name, front_end="notebook")
        wait_for_kernel(tab)
        run_cell(tab, 0)
    go_on = threading.Event()
    words = slowly(NUMBERED, 0.1)
    server.play([*words[:140], *held_until(go_on), *words[140:]])
    page.evaluate(START_CELL, 1)
    assert server.wait_for(lambda: len(server.requests) == 1, 15)
    server.play(slowly([{"content": f"two{n} "} for n in range(60)], 0.1))
    other.evaluate(START_CELL, 1)
    expect(live(other).locator(".magistral-answer")).to_contain_text("two3", timeout=15_000)
    expect(live(page).locator(".magistral-answer")).to_contain_text("word3", timeout=15_000)
    wait_for_renewal(page)
    page.evaluate(SAVE)
    locked_lab.open(page, "first.ipynb", front_end="notebook")
    expect(page.locator(".magistral-reply")).to_contain_text("unfinished: `%magistral recover`", timeout=2_500)
    expect(live(page).locator(".magistral-answer")).to_contain_text("word59", timeout=20_000)
    go_on.set()
    for tab, word, count in ((page, "word", 160), (other, "two", 60)):
        whole = tab.locator(".magistral-reply[aria-busy=false] .magistral-answer")
        expect(whole).to_contain_text(f"{word}{count - 1}", timeout=30_000)
        assert whole.inner_text().split() == [f"{word}{n}" for n in range(count)]
        no_widget_error(tab)
    other.close()

    server.play(slowly(NUMBERED, 0.1))
    page.evaluate(START_CELL, 1)
    wait_for_renewal(page)
    page.evaluate(f"async () => {{ await {KERNEL}.restart(); }}")
    reply = page.locator(".magistral-reply")
    expect(reply).to_have_attribute("aria-busy", "false", timeout=5_000)
    expect(reply).to_contain_text("The kernel ended before the reply did")
    expect(reply.locator(".magistral-answer")).to_contain_text("word3")
    take_shot(page, "notebook-restarted")
    wait_for_kernel(page)
    run_cell(page, 0)
    server.play(slowly(WORDS[:20], 0.05))
    run_cell(page, 1)
    expect(page.locator(".magistral-reply[aria-busy=false] .magistral-answer")).to_contain_text("word9", timeout=10_000)
    no_widget_error(page)
