"""`--insert-code` in real JupyterLab: the code of an answer stands below, unread and not run.

Pages have the labextension, which makes a cell for each block, but for one that shows what they do without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.jupyterlab import JupyterLab, run_cell, wait_for_kernel
from tests.browser.test_live_reply import notebook_with
from tests.browser.test_live_widget import SAVE
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
SECOND_VIEW = """async () => {
    const { shell, commands } = window.jupyterapp;
    const first = shell.currentWidget;
    await commands.execute('docmanager:clone');
    shell.activateById(first.id);
}"""
RUN_ALL = "async () => { await window.jupyterapp.commands.execute('notebook:run-all-cells'); }"


HEAD = "# Written by magistral-small, not run yet: read it first."


def cells(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate(CELLS)
    return found


def wait_for_cells(page: Page, count: int) -> list[dict[str, Any]]:
    page.wait_for_function(
        "count => window.jupyterapp.shell.currentWidget.content.widgets.length === count", arg=count, timeout=10_000
    )
    page.wait_for_timeout(300)  # and no more come
    found = cells(page)
    assert len(found) == count
    return found


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterLab]:
    with JupyterLab(tmp_path_factory.mktemp("lab"), labextension=True) as lab:
        yield lab


def opened(jupyterlab: JupyterLab, page: Page, server: FakeServer) -> Page:
    server.play(events_of({"content": THREE}))
    question = f"%%magistral --insert-code --base-url {server.base_url} -m magistral-small\nHow?"
    written = notebook_with("%load_ext magistral_nb", question, "last = True")
    (jupyterlab.notebooks / "insert.ipynb").write_text(written, "utf-8")
    jupyterlab.open(page, "insert.ipynb")
    wait_for_kernel(page)
    return page


@pytest.fixture
def lesson(lab: JupyterLab, page: Page, server: FakeServer) -> Page:
    return opened(lab, page, server)


def test_each_block_stands_in_a_cell_of_its_own_below_and_nothing_is_run(
    lesson: Page, lab: JupyterLab, server: FakeServer
) -> None:
    run_cell(lesson, 0)
    lesson.evaluate(SECOND_VIEW)
    run_cell(lesson, 1)
    _, question, *new, last = wait_for_cells(lesson, 6)
    assert [(cell["type"], cell["count"]) for cell in new] == [("code", None)] * 3
    assert [cell["source"].partition("\n")[0] for cell in new] == [HEAD] * 3
    assert new[0]["source"] == f"{HEAD}\nprint('one')"
    assert f"# touch {PWN}" in new[1]["source"]
    assert f"# !touch {PWN}" in new[2]["source"]
    assert (question["count"], last["source"]) == (2, "last = True")
    for index in (2, 3, 4):
        run_cell(lesson, index)  # even unread
    assert cells(lesson)[2]["count"] is not None
    assert not (lab.notebooks / "magistral_pwned").exists()
    check_that_nothing_comes_again(lesson, lab)
    server.play(events_of({"content": THREE}))
    run_cell(lesson, 1)  # run again: new cells, above those of before
    again = wait_for_cells(lesson, 9)
    assert [cell["source"] for cell in again[2:5]] == [cell["source"] for cell in again[5:8]]
    assert [cell["count"] for cell in again[2:5]] == [None] * 3


def check_that_nothing_comes_again(page: Page, lab: JupyterLab) -> None:
    """Load the page again, and open the saved notebook in it: the cells are those that are saved."""
    page.evaluate(SAVE)
    page.reload()
    lab.open(page, "insert.ipynb")
    wait_for_kernel(page)
    assert [cell["source"] for cell in wait_for_cells(page, 6)][-1] == "last = True"


def test_run_all_inserts_the_cells_and_does_not_run_them(lesson: Page, lab: JupyterLab) -> None:
    lesson.evaluate(RUN_ALL)
    *new, last = wait_for_cells(lesson, 6)[2:]
    assert [cell["source"].partition("\n")[0] for cell in new] == [HEAD] * 3
    assert [cell["count"] for cell in new] == [None] * 3
    assert last["source"] == "last = True"
    assert last["count"] is not None
    assert not (lab.notebooks / "magistral_pwned").exists()


def test_what_a_reader_undoes_is_one_cell_and_then_none(lesson: Page) -> None:
    run_cell(lesson, 0)
    run_cell(lesson, 1)
    wait_for_cells(lesson, 6)
    lesson.evaluate("() => window.jupyterapp.commands.execute('notebook:undo-cell-action')")
    left = wait_for_cells(lesson, 3)
    assert [cell["source"] for cell in left][-1] == "last = True"


def test_without_the_labextension_all_blocks_stand_in_one_cell(
    jupyterlab: JupyterLab, page: Page, server: FakeServer
) -> None:
    opened(jupyterlab, page, server).evaluate(RUN_ALL)
    new, last = wait_for_cells(page, 4)[2:]
    assert new["source"].startswith(f"{HEAD}\n\n# Block 1 of 3\nprint('one')")
    assert (new["count"], last["source"]) == (None, "last = True")
    assert last["count"] is not None
    run_cell(page, 2)  # even unread
    assert not (jupyterlab.notebooks / "magistral_pwned").exists()


def test_a_front_end_inserts_one_cell_whatever_a_kernel_sends(jupyterlab: JupyterLab, page: Page) -> None:
    """Why the kernel asks for one cell with all blocks."""
    (jupyterlab.notebooks / "payloads.ipynb").write_text(notebook_with(SEVERAL), "utf-8")
    jupyterlab.open(page, "payloads.ipynb")
    wait_for_kernel(page)
    run_cell(page, 0)
    page.wait_for_function("() => window.jupyterapp.shell.currentWidget.content.widgets.length > 1")
    assert [cell["source"] for cell in cells(page)[1:]] == ["payload 0"]
