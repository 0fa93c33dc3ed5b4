"""The chat panel for readers without a mouse or with a screen reader, and code from a cassette as cells."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from magistral_nb import Client, record
from tests.browser.axe import shuts_out
from tests.browser.jupyterlab import FrontEnd, JupyterLab
from tests.browser.panel_page import ask, last_answer, open_notebook, panel_of
from tests.browser.test_live_reply import slowly
from tests.fake_server import FakeServer
from tests.test_client import events_of

pytestmark = pytest.mark.browser

FOCUSED = """() => {
    const at = document.activeElement;
    const name = at.getAttribute('aria-label') || at.labels?.[0]?.textContent || at.textContent || '';
    return (at.closest('.magistral-panel') ? '' : 'outside: ') + name.trim().slice(0, 60);
}"""
TEXT = "Three:\n\n```python\na = 1\n```\n\nthen\n\n```python\nb = a + 1\n```\n\n```python\nprint(b)\n```\n"


def reach(page: Page, name: str, *, back: bool = False) -> None:
    """Press Tab until the focus stands on what has this name."""
    passed = [page.evaluate(FOCUSED)]
    while passed[-1] != name:
        assert len(passed) < 60, f"Tab never came to {name!r}, but to {passed}"
        page.keyboard.press("Shift+Tab" if back else "Tab")
        passed.append(page.evaluate(FOCUSED))


def assert_focus(page: Page, name: str) -> None:
    page.wait_for_function(f"name => ({FOCUSED})() === name", arg=name, timeout=8_000)


def test_all_of_it_by_keyboard_alone(locked_lab: JupyterLab, page: Page, server: FakeServer) -> None:
    open_notebook(locked_lab, page, server, "ChatPanel(c)", name="keys.ipynb")
    panel = panel_of(page)
    keys = page.keyboard
    keys.press("Escape")  # out of the cell's editor
    reach(page, "Your question")
    server.play([*slowly([{"reasoning": "step "}, *[{"content": f"word{n} "} for n in range(9)]], 0.05)[:-4], 60.0])
    keys.type("Why, dd?")  # "dd" deletes a cell where the notebook hears it
    keys.press("Enter")
    expect(last_answer(panel)).to_contain_text("word3", timeout=15_000)
    assert_focus(page, "Your question")
    reach(page, "Stop")
    keys.press("Enter")
    expect(panel.locator(".magistral-turn").last).to_contain_text("stopped by you", timeout=10_000)
    assert server.wait_closed()
    assert_focus(page, "Your question")

    reach(page, "Settings", back=True)
    keys.press("Enter")
    assert_focus(page, "Settings")
    reach(page, "None")
    keys.press("ArrowRight")
    assert_focus(page, "The last")
    keys.press("ArrowRight")
    assert_focus(page, "All")
    expect(panel.get_by_role("radio", name="All")).to_be_checked()
    keys.press("Escape")
    assert_focus(page, "Settings")
    expect(panel.get_by_role("radio")).to_have_count(0)

    reach(page, "Show the prompt", back=True)
    keys.press("Enter")
    expect(panel.locator(".magistral-prompt")).to_be_visible(timeout=10_000)
    keys.press("Escape")
    assert_focus(page, "Show the prompt")

    reach(page, "Export")
    keys.press("Enter")
    assert_focus(page, "Notebook (.ipynb)")
    keys.press("ArrowDown")
    assert_focus(page, "Markdown (.md)")
    with page.expect_download() as download:
        keys.press("Enter")
    assert "Why, dd?" in download.value.path().read_text("utf-8")
    assert_focus(page, "Export")
    keys.press("Space")
    assert_focus(page, "Notebook (.ipynb)")
    keys.press("Escape")
    assert_focus(page, "Export")

    server.play(events_of({"content": "Edited."}))
    reach(page, "Your question")
    keys.press("ArrowUp")
    assert_focus(page, "Edit the question")
    keys.press("Control+A")
    keys.type("And now?")
    keys.press("Enter")
    expect(last_answer(panel)).to_have_text("Edited.", timeout=10_000)
    assert_focus(page, "Your question")
    reach(page, "Earlier version", back=True)
    keys.press("Enter")
    expect(last_answer(panel)).to_contain_text("word3", timeout=10_000)
    assert_focus(page, "Earlier version")
    reach(page, "Later version")
    keys.press("Enter")
    expect(last_answer(panel)).to_have_text("Edited.", timeout=10_000)
    assert_focus(page, "Later version")

    reach(page, "Delete from here")
    keys.press("Enter")
    expect(panel.locator(".magistral-turn")).to_have_count(0, timeout=10_000)
    reach(page, "Undo", back=True)
    keys.press("Enter")
    expect(last_answer(panel)).to_have_text("Edited.", timeout=10_000)
    assert_focus(page, "Your question")
    assert page.locator(".jp-Notebook .jp-Cell").count() == 2  # the notebook heard none of it


def test_nobody_is_shut_out(locked_lab: JupyterLab, page: Page, server: FakeServer) -> None:
    open_notebook(locked_lab, page, server, "ChatPanel(c)", name="axe-panel.ipynb")
    panel = panel_of(page)
    faults = {"empty": shuts_out(page, ".magistral")}
    server.play(events_of({"reasoning": "Hm."}, {"content": f"{TEXT}\n\n| a | b |\n|---|---|\n| 1 | \\(x^2\\) |\n"}))
    ask(panel, "How?")
    expect(panel.locator(".magistral-footer")).to_be_visible(timeout=15_000)
    server.play_json({"error": {"message": "no"}}, status=401)
    ask(panel, "Again?")
    expect(panel.locator(".magistral-turn").last.locator(".magistral-actions")).to_be_visible(timeout=15_000)
    panel.get_by_role("button", name="Settings").click()
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
        is_light = str("Light" in theme).lower()
        page.wait_for_function("light => document.body.dataset.jpThemeLight === light", arg=is_light)
        page.wait_for_timeout(500)
        faults[theme] = shuts_out(page, ".magistral")
    panel.get_by_role("button", name="Close").click()
    panel.get_by_role("button", name="Show the prompt").click()
    expect(panel.locator(".magistral-prompt")).to_be_visible(timeout=10_000)
    faults["dark, the prompt"] = shuts_out(page, ".magistral")
    page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'})")
    assert faults == {name: [] for name in faults}


@pytest.mark.parametrize("front_end", ["lab", "notebook"])
def test_code_of_a_recorded_answer_as_cells(
    front_end: FrontEnd, locked_lab: JupyterLab, page: Page, server: FakeServer, take_shot: Callable[[Page, str], None]
) -> None:
    server.play(events_of({"content": TEXT}))
    with (
        record(locked_lab.notebooks / f"three-{front_end}.jsonl"),
        Client(base_url=server.base_url, model="magistral-small", api_key="x") as client,
    ):
        client.chat("How?")
    asked = len(server.requests)
    played = f"panel = ChatPanel(c)\nwith replay('three-{front_end}.jsonl'):\n    panel.ask('How?')\npanel"
    name = f"three-{front_end}.ipynb"
    open_notebook(locked_lab, page, server, played, "# the last cell", name=name, front_end=front_end)
    panel = panel_of(page)
    expect(last_answer(panel).locator("code")).to_have_count(3, timeout=15_000)
    panel.get_by_role("button", name="Insert all code as cells").click()
    page.wait_for_function("() => window.jupyterapp.shell.currentWidget.content.widgets.length === 6")
    cells = page.evaluate(
        """() => window.jupyterapp.shell.currentWidget.content.widgets.map(
            ({model}) => [model.sharedModel.getSource(), model.executionCount, model.outputs.length])"""
    )
    assert cells[2:] == [[code, None, 0] for code in ("a = 1", "b = a + 1", "print(b)", "# the last cell")]
    assert len(server.requests) == asked  # the cassette answered
    take_shot(page, f"panel-three-cells-{front_end}")
