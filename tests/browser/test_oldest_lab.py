"""The oldest JupyterLab and kernel that work: `make test-oldest` runs this with them, `make test` with the newest."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.jupyterlab import JupyterLab, outputs, run_cell, wait_for_kernel
from tests.browser.test_live_reply import START_CELL, notebook_with, slowly
from tests.fake_server import FakeServer

pytestmark = pytest.mark.browser

WORDS = [{"reasoning": f"step{n} "} for n in range(10)] + [{"content": f"word{n} "} for n in range(100)]
SAVE_AND_END = """async () => {
    await window.jupyterapp.commands.execute('docmanager:save');
    await window.jupyterapp.shell.currentWidget.sessionContext.shutdown();
}"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterLab]:
    with JupyterLab(tmp_path_factory.mktemp("oldest"), labextension=True) as lab:
        yield lab


def opened(lab: JupyterLab, page: Page, name: str, *cells: str) -> None:
    (lab.notebooks / name).write_text(notebook_with("%load_ext magistral_nb", *cells), "utf-8")
    lab.open(page, name)
    wait_for_kernel(page)
    run_cell(page, 0)


def test_a_reply_streams_is_stopped_and_is_drawn_again_when_the_notebook_is_opened_with_no_kernel(
    lab: JupyterLab, page: Page, server: FakeServer, take_shot: Callable[[Page, str], None]
) -> None:
    ask = f"%%magistral --base-url {server.base_url} -m magistral-small\nWhat is two and two?"
    opened(lab, page, "oldest.ipynb", ask, ask)
    view = page.locator(".magistral-reply[aria-busy=true]")

    server.play(slowly(WORDS[:60], 0.05))
    page.evaluate(START_CELL, 1)
    expect(view.locator(".magistral-thinking")).to_contain_text("step3", timeout=30_000)
    expect(view.locator(".magistral-answer")).to_contain_text("word3", timeout=10_000)
    take_shot(page, "oldest-live")
    page.wait_for_function("() => window.done", timeout=30_000)
    (whole,) = outputs(page, 1)
    assert "word49" in whole["data"]["text/html"]

    server.play([*slowly(WORDS, 0.1)[:-4], 60.0])
    page.evaluate(START_CELL, 2)
    expect(view.locator(".magistral-answer")).to_contain_text("word3", timeout=30_000)
    view.locator(".magistral-stop").click()
    assert server.wait_closed(5)
    page.wait_for_function("() => window.done", timeout=10_000)
    part, error = outputs(page, 2)
    assert error["ename"] == "Stopped"
    assert "word3" in part["data"]["text/html"]
    assert "word99" not in part["data"]["text/html"]

    page.evaluate(SAVE_AND_END)
    lab.open(page, "oldest.ipynb")
    look_at_both(page)
    take_shot(page, "oldest-reopened")
    page.goto(f"{lab.url}/notebooks/oldest.ipynb")  # Notebook 7, of the same server
    look_at_both(page)
    take_shot(page, "oldest-notebook")


def look_at_both(page: Page) -> None:
    stored = page.locator(".magistral-stored .magistral-reply")
    expect(stored).to_have_count(2, timeout=30_000)
    expect(stored.first.locator(".magistral-answer")).to_contain_text("word49")
    expect(stored.first.locator(".magistral-thinking-head")).to_contain_text("Thought for")
    expect(stored.last).to_contain_text("stopped by you")
    assert "Error displaying widget" not in page.locator(".jp-Notebook").inner_text()
