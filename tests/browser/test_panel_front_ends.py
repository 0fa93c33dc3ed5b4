"""The chat panel in Notebook 7 on a server with a token and XSRF on, and in a JupyterLab without our labextension."""

# mypy: allow-untyped-calls
# (nbformat has no types of its own)

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable

import nbformat
import pytest
from playwright.sync_api import Page, expect

from tests.browser.jupyterlab import JupyterLab, wait_for_kernel
from tests.browser.panel_page import ask, last_answer, open_notebook, panel_of
from tests.browser.test_live_lab import KERNEL
from tests.browser.test_live_reply import START_CELL, held_until, slowly
from tests.browser.test_live_widget import SAVE, no_widget_error
from tests.fake_server import FakeServer
from tests.test_client import events_of

pytestmark = pytest.mark.browser

WORDS = [{"reasoning": f"step{n} "} for n in range(3)] + [{"content": f"word{n} "} for n in range(30)]
BUSY = "import time\nfor n in range({}): time.sleep(0.1)"
KEPT = """words => JSON.stringify(
    window.jupyterapp.shell.currentWidget.content.widgets[1].model.outputs.toJSON()
).includes(words)"""  # a transcript is renewed half a second after a turn
SHUT_DOWN = "async () => { await window.jupyterapp.shell.currentWidget.sessionContext.shutdown(); }"


def test_the_main_run_in_notebook_7(
    locked_lab: JupyterLab, page: Page, server: FakeServer, take_shot: Callable[[Page, str], None]
) -> None:
    open_notebook(locked_lab, page, server, "ChatPanel(c)", name="panel-7.ipynb", front_end="notebook")
    panel = panel_of(page)
    server.play(slowly(WORDS, 0.05))
    ask(panel, "Why?")
    expect(last_answer(panel)).to_contain_text("word3", timeout=15_000)
    assert "word29" not in last_answer(panel).inner_text()  # it streams
    expect(last_answer(panel)).to_contain_text("word29", timeout=15_000)

    server.play([*slowly(WORDS[:9], 0.05)[:-4], 60.0])
    ask(panel, "And then?")
    expect(last_answer(panel)).to_contain_text("word3", timeout=15_000)
    panel.get_by_role("button", name="Stop").last.click()
    expect(panel.locator(".magistral-turn").last).to_contain_text("stopped by you", timeout=10_000)
    assert server.wait_closed()

    panel.get_by_role("button", name="Settings").click()
    panel.get_by_role("radio", name="All").check()
    panel.get_by_role("button", name="Close").click()
    server.play(events_of({"reasoning": "Hm."}, {"content": "Edited."}))
    panel.get_by_role("button", name="Edit this question").last.click()
    editor = panel.get_by_role("textbox", name="Edit the question")
    editor.fill("And now?")
    panel.get_by_role("button", name="Ask again").click()
    expect(last_answer(panel)).to_have_text("Edited.", timeout=10_000)
    sent = server.requests[-1].json()["messages"]
    assert "step2" in json.dumps(sent)  # the earlier thinking goes with it now
    assert "And then?" not in json.dumps(sent)

    server.play(events_of({"content": "Again."}))
    panel.get_by_role("button", name="Answer again").last.click()
    expect(last_answer(panel)).to_have_text("Again.", timeout=10_000)
    panel.get_by_role("button", name="Earlier version").click()
    expect(panel.locator(".magistral-branch-now").last).to_contain_text("2 / 3", timeout=10_000)
    expect(last_answer(panel)).to_have_text("Edited.")
    for kind, ending in {"Notebook": ".ipynb", "Web page": ".html"}.items():
        panel.get_by_role("button", name="Export").click()
        with page.expect_download() as download:
            panel.get_by_role("menuitem", name=kind).click()
        text = download.value.path().read_text("utf-8")
        assert download.value.suggested_filename.endswith(ending)
        assert "And now?" in text
        assert "Edited." in text
    no_widget_error(page)
    take_shot(page, "panel-notebook-7")
    panel.get_by_role("button", name="Open in sidebar").click()
    aside = page.locator(".magistral-sidebar .magistral-panel")
    expect(last_answer(aside)).to_have_text("Edited.")
    assert aside.evaluate("panel => panel.getBoundingClientRect().right < innerWidth + 1")  # nothing is cut off
    take_shot(page, "panel-notebook-7-side")
    aside.get_by_role("button", name="Bring back to the notebook").click()
    expect(last_answer(panel)).to_have_text("Edited.")

    page.wait_for_function(KEPT, arg="Edited.", timeout=10_000)
    page.evaluate(SAVE)
    page.evaluate(SHUT_DOWN)
    locked_lab.open(page, "panel-7.ipynb", front_end="notebook")
    expect(last_answer(panel_of(page))).to_have_text("Edited.")
    no_widget_error(page)


def test_a_busy_minute_with_two_panels_a_reload_in_mid_stream_and_a_restart_in_notebook_7(
    locked_lab: JupyterLab, page: Page, server: FakeServer, take_shot: Callable[[Page, str], None]
) -> None:
    two = "from ipywidgets import VBox\na, b = ChatPanel(c), ChatPanel(c)\ndisplay(a, VBox([b, b]))"
    open_notebook(locked_lab, page, server, two, BUSY.format(600), name="panels-7.ipynb", front_end="notebook")
    panel, other, same = (panel_of(page, at) for at in range(3))
    began = time.monotonic()
    page.evaluate(START_CELL, 2)
    go_on = threading.Event()
    words = slowly(WORDS, 0.2)
    server.play([*words[:-20], *held_until(go_on), *words[-20:]])
    ask(panel, "Why?")
    expect(last_answer(panel)).to_contain_text("word3", timeout=15_000)
    server.play(slowly(WORDS, 0.1))
    ask(other, "And here?")
    for one in (other, same):
        expect(last_answer(one)).to_contain_text("word29", timeout=15_000)
    page.wait_for_function(KEPT, arg="And here?", timeout=10_000)
    page.evaluate(SAVE)
    locked_lab.open(page, "panels-7.ipynb", front_end="notebook")
    panel = panel_of(page)
    expect(panel.get_by_role("button", name="Stop").last).to_be_visible(timeout=12_000)  # it is live again
    take_shot(page, "panel-notebook-7-reloaded")
    go_on.set()
    expect(last_answer(panel)).to_contain_text("word29", timeout=30_000)
    assert last_answer(panel).inner_text().split() == [f"word{n}" for n in range(30)]
    expect(page.locator(".jp-Notebook")).to_contain_text("And here?")  # of the box, until its widget has come
    server.play([*words[:-20], 60.0])
    ask(panel, "And then?")
    expect(last_answer(panel)).to_contain_text("word3", timeout=15_000)
    panel.get_by_role("button", name="Stop").last.click()
    expect(panel.locator(".magistral-turn").last).to_contain_text("stopped by you", timeout=5_000)
    assert server.wait_closed()
    assert page.evaluate(f"() => {KERNEL}.status") != "idle"  # all of it beside the busy cell
    no_widget_error(page)

    page.wait_for_function(f"() => {KERNEL}.status === 'idle'", timeout=60_000)
    assert time.monotonic() > began + 60
    page.evaluate(f"async () => {{ await {KERNEL}.restart(); }}")
    expect(panel).to_contain_text("The kernel was restarted", timeout=10_000)
    expect(panel.locator(".magistral-answer").first).to_contain_text("word29")
    expect(last_answer(panel)).to_contain_text("word3")
    expect(page.locator(".jp-Notebook")).to_contain_text("And here?")
    take_shot(page, "panel-notebook-7-restarted")
    before = page.locator(".magistral-panel").count()
    panel.get_by_role("button", name="Go on in the new kernel").click()
    expect(page.locator(".magistral-panel")).to_have_count(before + 1, timeout=30_000)
    again = panel_of(page, 1)
    expect(again.locator(".magistral-answer").first).to_contain_text("word29")
    ask(again, "Still there?")  # the address was in the author's code, which has not run in the new kernel
    expect(again.locator(".magistral-error")).to_contain_text("No endpoint is set up", timeout=15_000)
    expect(again.get_by_role("button", name="Send")).to_be_visible()
    no_widget_error(page)


def test_without_the_labextension(
    jupyterlab: JupyterLab, page: Page, server: FakeServer, take_shot: Callable[[Page, str], None]
) -> None:
    open_notebook(jupyterlab, page, server, "ChatPanel(c)", BUSY.format(70), name="bare-panel.ipynb")
    panel = panel_of(page)
    server.play(slowly(WORDS, 0.05))
    ask(panel, "Why?")
    expect(last_answer(panel)).to_contain_text("word3", timeout=15_000)
    assert "word29" not in last_answer(panel).inner_text()
    expect(last_answer(panel)).to_contain_text("word29", timeout=15_000)

    page.evaluate(START_CELL, 2)
    page.wait_for_timeout(500)
    server.play([*slowly(WORDS[:9], 0.05)[:-4], 60.0])
    ask(panel, "And while the notebook works?")
    expect(last_answer(panel)).to_contain_text("word3", timeout=8_000)
    panel.get_by_role("button", name="Stop").last.click()
    expect(panel.locator(".magistral-turn").last).to_contain_text("stopped by you", timeout=5_000)
    assert server.wait_closed()
    assert not page.evaluate("() => window.done")  # all of it while the cell runs
    page.wait_for_function("() => window.done", timeout=30_000)
    no_widget_error(page)
    take_shot(page, "panel-bare")

    page.wait_for_function(KEPT, arg="stopped by you", timeout=10_000)
    page.evaluate(SAVE)
    saved = nbformat.read(jupyterlab.notebooks / "bare-panel.ipynb", as_version=4)
    nbformat.validate(saved)
    kept = saved.cells[1].outputs[-1]["data"]
    for words in ("Why?", "word29", "And while the notebook works?", "stopped by you"):
        assert words in kept["text/html"]
    assert "word29" in kept["text/plain"]
    page.evaluate(SHUT_DOWN)
    jupyterlab.open(page, "bare-panel.ipynb")
    expect(page.locator(".jp-Notebook")).to_contain_text("word29")
    expect(page.get_by_text("word29")).to_be_visible()
    wait_for_kernel(page)
    expect(page.get_by_text("Error displaying widget")).to_have_count(1, timeout=15_000)
    no_widget_error(page)  # it is hidden
    assert "Loading widget" not in page.locator(".jp-Notebook").inner_text()
    take_shot(page, "panel-bare-reopened")
