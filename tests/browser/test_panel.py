"""The chat panel in JupyterLab with the labextension, below a path with a space and an umlaut, as a reader uses it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.jupyterlab import JupyterLab, outputs, run_cell, wait_for_kernel
from tests.browser.panel_page import ask, last_answer, open_notebook, panel_of
from tests.browser.test_live_reply import START_CELL, slowly
from tests.browser.test_live_widget import SAVE, no_widget_error
from tests.fake_server import FakeServer
from tests.test_client import events_of

pytestmark = pytest.mark.browser

WORDS = [{"content": f"word{n} "} for n in range(120)]
CODE = "Two:\n\n```python\na = 1\n```\n\n```python\nb = a + 1\n```\n\n```python\nprint(b)\n```\n"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterLab]:
    with JupyterLab(tmp_path_factory.mktemp("panels"), labextension=True, base="/user/%C3%A4%20b/") as lab:
        yield lab


@pytest.fixture
def page_with(lab: JupyterLab, page: Page, server: FakeServer) -> Callable[..., Page]:
    """Open a notebook whose first cell makes a client, and whose next are these; run the first two."""

    def opened(*cells: str) -> Page:
        open_notebook(lab, page, server, *cells)
        return page

    return opened


def test_a_chat_by_keyboard(
    page_with: Callable[..., Page], server: FakeServer, take_shot: Callable[[Page, str], None], lab: JupyterLab
) -> None:
    page = page_with("ChatPanel(c)", "1 + 1")
    panel = panel_of(page)
    expect(panel.locator(".magistral-example")).to_have_count(3)
    take_shot(page, "panel-lab-empty")
    server.play(slowly(WORDS[:30], 0.05))
    ask(panel, "Why?")
    expect(last_answer(panel)).to_contain_text("word3", timeout=15_000)
    run_cell(page, 2)  # the notebook works on meanwhile
    assert outputs(page, 2)[0]["data"]["text/plain"] == "2"
    expect(last_answer(panel)).to_contain_text("word29", timeout=15_000)
    expect(panel.locator(".magistral-footer")).to_contain_text("magistral-small")

    area = panel.get_by_role("textbox", name="Your question")
    server.play([*slowly(WORDS[:9], 0.05)[:-4], 60.0])
    area.press("W")  # with the focus in the panel, the notebook hears no key
    area.press("Backspace")
    area.press("Enter")
    ask(panel, "And then?")
    expect(panel.locator(".magistral-turn")).to_have_count(2, timeout=15_000)
    expect(last_answer(panel)).to_contain_text("word3", timeout=15_000)
    area.press("Escape")
    expect(panel.locator(".magistral-turn").last).to_contain_text("stopped by you", timeout=10_000)
    expect(area).to_be_focused()

    server.play(events_of({"content": "Edited."}))
    area.press("ArrowUp")
    editor = panel.get_by_role("textbox", name="Edit the question")
    expect(editor).to_have_value("And then?")
    editor.fill("And now?")
    editor.press("Enter")
    expect(last_answer(panel)).to_have_text("Edited.", timeout=10_000)
    expect(panel.locator(".magistral-branch-now").last).to_contain_text("2 / 2")

    server.play(events_of({"content": "Again."}))
    panel.get_by_role("button", name="Answer again").last.press("Enter")
    expect(last_answer(panel)).to_have_text("Again.", timeout=10_000)
    panel.get_by_role("button", name="Earlier version").press("Enter")
    expect(panel.locator(".magistral-branch-now").last).to_contain_text("2 / 3", timeout=10_000)
    expect(last_answer(panel)).to_have_text("Edited.")

    panel.get_by_role("button", name="Delete from here").last.press("Enter")
    expect(panel.locator(".magistral-turn")).to_have_count(1, timeout=10_000)
    panel.get_by_role("button", name="Undo").press("Enter")
    expect(panel.locator(".magistral-turn")).to_have_count(2, timeout=10_000)
    take_shot(page, "panel-lab-talk")
    no_widget_error(page)


def test_code_to_cells_export_prompt_and_settings(
    page_with: Callable[..., Page], server: FakeServer, take_shot: Callable[[Page, str], None]
) -> None:
    page = page_with("ChatPanel(c)")
    panel = panel_of(page)
    server.play(events_of({"content": CODE}))
    ask(panel, "How?")
    panel.get_by_role("button", name="Insert all code as cells").click(timeout=15_000)
    page.wait_for_function("() => window.jupyterapp.shell.currentWidget.content.widgets.length === 5")
    sources = page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.model.sharedModel.getSource())"
    )
    assert sources[2:] == ["a = 1", "b = a + 1", "print(b)"]
    executed = "() => window.jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.model.executionCount)"
    assert page.evaluate(executed)[2:] == [None] * 3  # a model's code is never run

    panel.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        panel.get_by_role("menuitem", name="Markdown").click()
    assert "b = a + 1" in download.value.path().read_text("utf-8")
    assert download.value.suggested_filename.endswith(".md")

    panel.get_by_role("textbox", name="Your question").fill("<img src=x onerror=alert(1)>")
    panel.get_by_role("button", name="Show the prompt").click()
    expect(panel.locator(".magistral-prompt")).to_contain_text("<img src=x onerror=alert(1)>", timeout=10_000)
    expect(panel.locator(".magistral-control").first).to_be_visible()
    take_shot(page, "panel-lab-prompt")
    panel.locator(".magistral-prompt").press("Escape")
    expect(panel.get_by_role("button", name="Show the prompt")).to_be_focused()

    panel.get_by_role("button", name="Settings").click()
    panel.get_by_role("radio", name="All").check()
    panel.get_by_label("Instructions").fill("Be brief.")
    panel.get_by_label("Temperature").fill("0.1")
    panel.get_by_label("Temperature").press("Tab")
    take_shot(page, "panel-lab-settings")
    panel.get_by_role("button", name="Close").click()
    server.play(events_of({"content": "Yes."}))
    ask(panel, "Is it so?")
    expect(last_answer(panel)).to_have_text("Yes.", timeout=10_000)
    body = server.requests[-1].json()
    assert body["temperature"] == 0.1
    assert "Be brief." in str(body["messages"][0])


def test_two_panels_two_views_a_busy_cell_and_the_side_area(
    page_with: Callable[..., Page], server: FakeServer, take_shot: Callable[[Page, str], None], lab: JupyterLab
) -> None:
    busy = "import time\nfor n in range(120): time.sleep(0.1)"
    page = page_with(
        "from ipywidgets import HBox\na, b = ChatPanel(c), ChatPanel(c)\nHBox([a, a, b])", busy, "time.sleep(0)"
    )
    first, second, other = (panel_of(page, at) for at in range(3))
    page.evaluate(START_CELL, 2)
    page.wait_for_timeout(500)
    server.play(slowly(WORDS[:40], 0.05))
    server.play(slowly(WORDS[40:80], 0.05))
    second.get_by_role("textbox", name="Your question").fill("A draft")
    ask(first, "One?")
    expect(last_answer(first)).to_contain_text("word3", timeout=8_000)
    ask(other, "Two?")
    expect(last_answer(other)).to_contain_text("word45", timeout=8_000)
    assert not page.evaluate("() => window.done")  # all of it while the cell runs
    expect(last_answer(second)).to_contain_text("word39", timeout=15_000)
    assert last_answer(first).inner_text() == last_answer(second).inner_text()
    expect(second.get_by_role("textbox", name="Your question")).to_have_value("A draft")
    take_shot(page, "panel-lab-two")

    other.get_by_role("button", name="Open in sidebar").click()
    aside = page.locator(".magistral-sidebar .magistral-panel")
    expect(aside).to_be_visible()
    expect(last_answer(aside)).to_contain_text("word79", timeout=15_000)
    server.play(events_of({"content": "Aside."}))
    page.wait_for_function("() => window.done", timeout=30_000)
    ask(aside, "Still there?")
    expect(last_answer(aside)).to_have_text("Aside.", timeout=15_000)
    take_shot(page, "panel-lab-side")
    aside.get_by_role("button", name="Bring back to the notebook").click()
    expect(aside).to_have_count(0)
    expect(last_answer(panel_of(page, 2))).to_have_text("Aside.")
    no_widget_error(page)

    kept = page.locator("[class^=magistral-so-far-]")
    expect(kept.last).to_contain_text("Aside.", timeout=3_000)
    expect(kept.last).to_be_hidden()
    page.evaluate(SAVE)
    page.evaluate("async () => { await window.jupyterapp.shell.currentWidget.sessionContext.shutdown(); }")
    lab.open(page, "panel.ipynb")  # the boxes are lost, and what was said is not
    wait_for_kernel(page)
    expect(page.get_by_text("Error displaying widget")).to_have_count(1, timeout=15_000)
    for words in ("word39", "word79", "Aside."):
        expect(page.get_by_text(words)).to_be_visible()
    no_widget_error(page)
    take_shot(page, "panel-lab-two-reopened")

    saved = (lab.notebooks / "panel.ipynb").read_text("utf-8")
    (lab.notebooks / "strangers.ipynb").write_text(saved.replace("One?", "Won?"), "utf-8")
    lab.open(page, "strangers.ipynb")
    for words in ("Won?", "word39", "word79", "Aside."):
        expect(page.get_by_text(words)).to_be_visible()
    assert not page.evaluate("() => window.jupyterapp.shell.currentWidget.content.widgets[1].model.trusted")
    no_widget_error(page)
    take_shot(page, "panel-lab-two-untrusted")


def test_a_busy_minute_with_a_reload_in_mid_stream_a_restart_and_what_is_saved(
    page_with: Callable[..., Page], server: FakeServer, lab: JupyterLab, take_shot: Callable[[Page, str], None]
) -> None:
    page = page_with("ChatPanel(c)", "import time\nfor n in range(600): time.sleep(0.1)")
    panel = panel_of(page)
    began = time.monotonic()
    page.evaluate(START_CELL, 2)
    server.play(events_of({"content": "First."}))
    ask(panel, "One?")
    expect(last_answer(panel)).to_have_text("First.", timeout=15_000)
    server.play(slowly(WORDS, 0.4))
    ask(panel, "Two?")
    expect(panel.locator(".magistral-turn")).to_have_count(2, timeout=15_000)
    expect(last_answer(panel)).to_contain_text("word3", timeout=15_000)
    page.evaluate(SAVE)
    lab.open(page, "panel.ipynb")
    panel = panel_of(page)
    expect(panel.get_by_role("button", name="Stop").last).to_be_visible(timeout=12_000)  # it is live again
    kernel = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
    assert page.evaluate(f"() => {kernel}.status") != "idle"  # and its widget has not come
    expect(last_answer(panel)).to_contain_text("word119", timeout=70_000)
    assert time.monotonic() < began + 60  # all of it beside the busy cell
    assert last_answer(panel).inner_text().split() == [f"word{n}" for n in range(120)]
    no_widget_error(page)

    page.wait_for_timeout(4_000)  # so long the kernel's own renewal is waited for
    page.wait_for_function(f"() => {kernel}.status === 'idle'", timeout=30_000)
    assert time.monotonic() > began + 60
    page.evaluate(f"async () => {{ await {kernel}.restart(); }}")
    expect(panel).to_contain_text("The kernel was restarted", timeout=10_000)
    expect(panel.locator(".magistral-answer").first).to_have_text("First.")
    take_shot(page, "panel-lab-restarted")
    panel.get_by_role("button", name="Go on in the new kernel").click()
    expect(page.locator(".magistral-panel")).to_have_count(2, timeout=30_000)
    again = panel_of(page, 1)
    expect(again.locator(".magistral-turn")).to_have_count(2)
    expect(again.locator(".magistral-answer").first).to_have_text("First.")
    page.evaluate(SAVE)
    saved: dict[str, Any] = outputs(page, 1)[0]["data"]
    assert "application/vnd.jupyter.widget-view+json" not in saved
    assert "word119" in saved["text/plain"]
    assert "word119" in saved["text/html"]
    assert "word119" in str(saved["application/vnd.magistral.panel.v1+json"])
