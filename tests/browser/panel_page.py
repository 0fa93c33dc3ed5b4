"""A chat panel in the page of a test: opened, asked, read."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.jupyterlab import FrontEnd, JupyterLab, run_cell, wait_for_kernel
from tests.browser.test_live_reply import notebook_with
from tests.browser.test_live_widget import WATCH
from tests.fake_server import FakeServer


def open_notebook(
    lab: JupyterLab, page: Page, server: FakeServer, *cells: str, name: str = "panel.ipynb", front_end: FrontEnd = "lab"
) -> None:
    """Open a notebook whose first cell makes a client `c`, and whose next are these; run the first two."""
    client = f"Client(base_url={server.base_url!r}, model='magistral-small', api_key='x')"
    made = f"from magistral_nb import *\nc = {client}"
    (lab.notebooks / name).write_text(notebook_with(made, *cells), "utf-8")
    lab.open(page, name, front_end=front_end)
    wait_for_kernel(page)
    run_cell(page, 0)
    run_cell(page, 1)
    page.evaluate(WATCH)


def panel_of(page: Page, at: int = 0) -> Locator:
    """Return a panel of the page once it is drawn."""
    panel = page.locator(".magistral-panel").nth(at)
    expect(panel).to_be_visible(timeout=15_000)
    return panel


def ask(panel: Locator, text: str) -> None:
    """Write a question and send it, as soon as one can be asked; return when it stands in the log."""
    expect(panel).not_to_have_class(re.compile("magistral-busy"), timeout=15_000)
    area = panel.get_by_role("textbox", name="Your question")
    area.fill(text)
    turns = panel.locator(".magistral-turn")
    before = turns.count()
    area.press("Enter")
    expect(turns).to_have_count(before + 1, timeout=15_000)


def last_answer(panel: Locator) -> Locator:
    """Return the answer of the last turn."""
    return panel.locator(".magistral-turn").last.locator(".magistral-answer")
