"""`--insert-code` in real JupyterLab: the code of an answer stands below, unread and not run."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.jupyterlab import JupyterLab, run_cell, wait_for_kernel
from tests.browser.test_live_reply import notebook_with
from tests.fake_server import FakeServer
from tests.test_client import events_of

pytestmark = pytest.mark.browser

PWN = "./magistral_pwned"
THREE = (
    f"Run these:\n```python\nprint('one')\n```\n```bash\ntouch {PWN}\n```\n"
    f"```python\n%%bash\ntouch {PWN}\n!touch {PWN}\n```\n"
)
SEVERAL = """for n in range(3):
    get_ipython().payload_manager.write_payload(
        {"source": "set_next_input", "text": f"payload {n}", "replace": False}, single=False)"""
CELLS = """() => window.jupyterapp.shell.currentWidget.content.widgets.map(cell => ({
    source: cell.model.sharedModel.getSource(), type: cell.model.type, count: cell.model.executionCount ?? null,
}))"""
RUN_ALL = "async () => { await window.jupyterapp.commands.execute('notebook:run-all-cells'); }"


def cells(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate(CELLS)
    return found


@pytest.fixture
def lesson(jupyterlab: JupyterLab, page: Page, server: FakeServer) -> Page:
    server.play(events_of({"content": THREE}))
    question = f"%%magistral --insert-code --base-url {server.base_url} -m magistral-small\nHow?"
    written = notebook_with("%load_ext magistral_nb", question, "last = True")
    (jupyterlab.notebooks / "insert.ipynb").write_text(written, "utf-8")
    jupyterlab.open(page, "insert.ipynb")
    wait_for_kernel(page)
    return page


def test_blocks_stand_in_a_new_cell_below_and_nothing_is_run(lesson: Page, jupyterlab: JupyterLab) -> None:
    run_cell(lesson, 0)
    run_cell(lesson, 1)
    lesson.wait_for_function("() => window.jupyterapp.shell.currentWidget.content.widgets.length === 4")
    inserted = cells(lesson)[2]
    assert (inserted["type"], inserted["count"]) == ("code", None)
    assert "# Block 1 of 3\nprint('one')" in inserted["source"]
    assert f"# touch {PWN}" in inserted["source"]
    assert not (jupyterlab.notebooks / "magistral_pwned").exists()
    run_cell(lesson, 2)  # even unread
    assert cells(lesson)[2]["count"] is not None
    assert not (jupyterlab.notebooks / "magistral_pwned").exists()


def test_run_all_inserts_the_cell_and_does_not_run_it(lesson: Page, jupyterlab: JupyterLab) -> None:
    lesson.evaluate(RUN_ALL)
    lesson.wait_for_function("() => window.jupyterapp.shell.currentWidget.content.widgets.length === 4")
    new, last = cells(lesson)[2:]
    assert new["source"].startswith("# Written by magistral-small, not run yet")
    assert (new["count"], last["source"]) == (None, "last = True")
    assert last["count"] is not None
    assert not (jupyterlab.notebooks / "magistral_pwned").exists()


def test_a_front_end_inserts_one_cell_whatever_a_kernel_sends(jupyterlab: JupyterLab, page: Page) -> None:
    """Why all blocks go into one cell."""
    (jupyterlab.notebooks / "payloads.ipynb").write_text(notebook_with(SEVERAL), "utf-8")
    jupyterlab.open(page, "payloads.ipynb")
    wait_for_kernel(page)
    run_cell(page, 0)
    page.wait_for_function("() => window.jupyterapp.shell.currentWidget.content.widgets.length > 1")
    assert [cell["source"] for cell in cells(page)[1:]] == ["payload 0"]
