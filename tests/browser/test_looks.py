"""How replies look that the page drew: light, dark and forced colours, live, finished, failed, stored and exported."""

# mypy: allow-untyped-calls
# (nbformat and nbconvert have no types of their own)

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Page, expect

from tests.browser.axe import shuts_out
from tests.browser.contrast import hard_to_read
from tests.browser.jupyterlab import JupyterLab, outputs, run_cell, wait_for_kernel
from tests.browser.test_live_reply import START_CELL, notebook_with
from tests.browser.test_live_widget import SAVE
from tests.browser.test_static_reply import DATA
from tests.fake_server import FakeServer
from tests.test_client import events_of

pytestmark = pytest.mark.browser

THINKING = (DATA / "rich_thinking.md").read_text("utf-8")
ANSWER = (DATA / "rich_answer.md").read_text("utf-8")
USAGE = b'data: {"choices": [], "usage": {"prompt_tokens": 214, "completion_tokens": 1893}}\n\n'
FINISHED, CUT, FAILED, LIVE = 1, 2, 3, 4


def begun(*deltas: dict[str, str]) -> list[bytes | float]:
    """Return the beginning of a stream, long enough for the page to draw it."""
    script: list[bytes | float] = []
    for delta in deltas:
        script += [events_of(delta, finish=None), 0.2]
    return script


@contextmanager
def looking(page: Page, look: str) -> Iterator[None]:
    """Show a page in one of the looks: a theme of JupyterLab, or the colours of a system with high contrast."""
    change = "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"
    page.evaluate(change, f"JupyterLab {'Light' if look == 'light' else 'Dark'}")
    page.wait_for_function(f"() => document.body.dataset.jpThemeLight === '{str(look == 'light').lower()}'")
    page.emulate_media(forced_colors="active" if look == "forced" else "none")
    page.wait_for_timeout(300)  # colours fade
    yield
    page.emulate_media(forced_colors="none")


LOOKS = ("light", "dark", "forced")


@pytest.fixture
def shown(locked_lab: JupyterLab, page: Page, server: FakeServer) -> Page:
    """Open a notebook with a reply in each state: finished, cut off, failed, and one that streams on."""
    question = f"%%magistral --base-url {server.base_url} -m magistral-small\nWhy?"
    (locked_lab.notebooks / "looks.ipynb").write_text(notebook_with("%load_ext magistral_nb", *[question] * 4), "utf-8")
    locked_lab.open(page, "looks.ipynb")
    wait_for_kernel(page)
    run_cell(page, 0)
    whole = begun({"reasoning": THINKING}, {"content": ANSWER[:500]}, {"content": ANSWER[500:]})
    server.play([*whole, events_of()[: -len(b"data: [DONE]\n\n")], USAGE, b"data: [DONE]\n\n"])
    server.play([*begun({"reasoning": THINKING}), events_of(finish="length")])
    server.play(begun({"reasoning": "Let me see."}, {"content": "The sum of the first"}))
    server.play([*begun({"reasoning": THINKING}, {"content": ANSWER}), 60.0])
    for index in (FINISHED, CUT, FAILED):
        run_cell(page, index)
    page.evaluate(START_CELL, LIVE)
    expect(page.locator(".magistral-reply")).to_have_count(4, timeout=30_000)
    expect(page.locator(".magistral-reply[aria-busy=true] .magistral-answer")).to_contain_text(
        "Why it holds", timeout=30_000
    )
    page.evaluate(
        "() => document.querySelectorAll('button.magistral-thinking-head[aria-expanded=false]').forEach(b => b.click())"
    )
    page.set_viewport_size({"width": 1200, "height": 6000})
    return page


def test_nobody_is_shut_out_and_all_can_be_read(
    shown: Page, locked_lab: JupyterLab, tmp_path: Path, take_shot: Callable[[Page, str], None]
) -> None:
    heads = shown.locator(".magistral-reply th").evaluate_all("all => all.map(one => getComputedStyle(one).textAlign)")
    assert heads[:4] == ["center", "left", "right", "left"]  # as the columns below them
    kinds = [output["output_type"] for output in outputs(shown, FAILED)]
    assert kinds == ["display_data", "error"]
    for look in LOOKS:
        with looking(shown, look):
            take_shot(shown, f"looks-{look}")
            assert (look, shuts_out(shown)) == (look, [])
            if look != "forced":  # there the system's colours are taken, whatever a style says
                assert (look, hard_to_read(shown, ".magistral-reply")) == (look, [])

    shown.locator(".magistral-reply[aria-busy=true] .magistral-stop").click()
    shown.wait_for_function("() => window.done", timeout=30_000)
    shown.evaluate(SAVE)
    notebook = nbformat.read(locked_lab.notebooks / "looks.ipynb", as_version=4)
    assert not notebook.metadata.get("widgets")
    shown.evaluate("async () => { await window.jupyterapp.shell.currentWidget.sessionContext.shutdown(); }")
    notebook.cells.append(nbformat.v4.new_markdown_cell("Not trusted any more."))
    nbformat.write(notebook, locked_lab.notebooks / "looks.ipynb")
    locked_lab.open(shown, "looks.ipynb")
    expect(shown.locator(".magistral-stored .magistral-reply")).to_have_count(4, timeout=30_000)
    for look in LOOKS:
        with looking(shown, look):
            assert (look, shuts_out(shown)) == (look, [])
            if look != "forced":
                assert (look, hard_to_read(shown, ".magistral-reply")) == (look, [])

    for theme in ("light", "dark"):
        _exported_page_is_right(shown, notebook, theme, tmp_path, take_shot)


def _exported_page_is_right(
    page: Page, notebook: nbformat.NotebookNode, theme: str, tmp_path: Path, take_shot: Callable[[Page, str], None]
) -> None:
    path = tmp_path / f"{theme}.html"
    path.write_text(HTMLExporter(theme=theme).from_notebook_node(notebook)[0], "utf-8")
    page.goto(path.as_uri())
    replies = page.locator(".magistral-reply")
    assert replies.count() == 4
    assert replies.locator("button, script").count() == 0
    fold = replies.first.locator("details.magistral-thinking")
    expect(fold).not_to_have_attribute("open", "")
    fold.locator("summary").click()
    expect(replies.first.locator("table")).to_be_visible()
    colours = "node => [getComputedStyle(node).color, getComputedStyle(document.body).backgroundColor]"
    ink, ground = replies.first.locator(".magistral-answer p").first.evaluate(colours)
    lightness = [sum(map(int, json.loads(f"[{c[c.index('(') + 1 : -1]}]")[:3])) for c in (ink, ground)]
    assert (lightness[0] < lightness[1]) == (theme == "light")
    take_shot(page, f"looks-exported-{theme}")
    assert hard_to_read(page, ".magistral-reply") == []
