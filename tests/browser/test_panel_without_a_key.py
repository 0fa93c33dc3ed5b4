"""A chat panel of somebody who has set up nothing, in real JupyterLab: what it says, and the way to an answer."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.jupyterlab import JupyterLab, run_cell
from tests.browser.panel_page import ask, last_answer, open_notebook, panel_of
from tests.browser.test_live_widget import no_widget_error
from tests.fake_server import FakeServer

pytestmark = pytest.mark.browser


def test_it_says_what_is_missing_goes_on_with_the_embedded_model_and_is_closed(
    locked_lab: JupyterLab, page: Page, server: FakeServer, take_shot: Callable[[Page, str], None]
) -> None:
    open_notebook(locked_lab, page, server, "p = ChatPanel(max_tokens=60)\np", "p.close()", name="no-key.ipynb")
    panel = panel_of(page)
    expect(panel.locator(".magistral-help")).to_contain_text("Client('demo')")
    ask(panel, "What is two and two?")
    expect(panel.locator(".magistral-error")).to_contain_text("No endpoint is set up", timeout=15_000)
    expect(panel.get_by_role("button", name="Send")).to_be_visible()
    expect(panel).not_to_have_class(re.compile("magistral-busy"))
    assert panel.locator(".magistral-turn").count() == 1
    take_shot(page, "panel-no-key")

    panel.get_by_role("button", name="Ask again").click()
    expect(panel.locator(".magistral-error")).to_contain_text("No endpoint is set up", timeout=15_000)
    panel.get_by_role("button", name="Settings").click()
    panel.get_by_label("Where to ask").select_option("demo")
    panel.get_by_role("button", name="Close").click()
    panel.get_by_role("button", name="Ask again").click()
    expect(last_answer(panel)).to_contain_text(re.compile(r"\w"), timeout=60_000)
    expect(panel.locator(".magistral-footer")).to_contain_text("demo", timeout=60_000)
    assert panel.locator(".magistral-turn").count() == 1  # what was never sent is part of no conversation
    assert server.requests == []
    no_widget_error(page)
    take_shot(page, "panel-no-key-demo")
    answer = last_answer(panel).inner_text()
    run_cell(page, 2)
    expect(panel).to_contain_text("This panel was closed by the notebook's code", timeout=10_000)
    expect(panel.get_by_role("textbox", name="Your question")).to_be_hidden()
    assert last_answer(panel).inner_text() == answer
