"""Every case of the corpus in Chromium, with a listener on the host that it calls: nothing runs, nothing is fetched.

The same replies are looked at in four places: a cell that a kernel has just run (trusted), a saved notebook that nobody
trusts in JupyterLab and in Notebook 7, and nbconvert's page.
"""

# mypy: allow-untyped-calls
# (nbformat and nbconvert have no types of their own)

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Page, Playwright

from magistral_nb.errors import MagistralError
from magistral_nb.notebook.outcomes import show_in_one_line
from magistral_nb.rendering.live import live_answer_html, live_thinking_html
from magistral_nb.rendering.prompt import prompt_html, prompt_text
from magistral_nb.rendering.waiting import waiting_html
from tests.browser.conftest import launch
from tests.browser.harm import assert_harmless
from tests.browser.jupyterlab import JupyterLab, run_cell, wait_for_kernel
from tests.browser.listener import Listener
from tests.hostile import HOST, TEXTS
from tests.test_hostile import hostile_prompt, hostile_reply

pytestmark = pytest.mark.browser
BOXES = 4 * len(TEXTS)
"""Replies, live thinking, live answers and prompts; what stands while one waits is counted with the live ones."""

SECONDS = """async pieces => {
    const rendermime = window.jupyterapp.shell.currentWidget.content.rendermime;
    const took = {};
    for (const [name, html] of pieces) {
        const began = performance.now();
        const model = rendermime.createModel({data: {'text/html': html}, trusted: false});
        const renderer = rendermime.createRenderer('text/html');
        document.body.appendChild(renderer.node);
        await renderer.renderModel(model);
        await rendermime.latexTypesetter?.typeset(renderer.node);
        renderer.node.getBoundingClientRect();
        took[name] = (performance.now() - began) / 1000;
        renderer.node.remove();
    }
    return took;
}"""

CELL = """import json
from IPython.display import HTML, display
from magistral_nb import Reply
for data, pictures in json.load(open("hostile.json")):
    display(Reply.from_dict(data))
    for picture in pictures:
        display(HTML(picture))
"""


def pictures(text: str) -> list[str]:
    return [live_thinking_html(text, 3.0), live_answer_html(text), prompt_html(hostile_prompt(text))]


def error_output(text: str) -> Any:
    error = show_in_one_line(MagistralError(text, hint=text, endpoint=text, model=text, request_id=text))
    (line,) = error._render_traceback_()  # type: ignore[attr-defined]  # IPython's protocol
    return nbformat.v4.new_output("error", ename="MagistralError", evalue=line[:200], traceback=[line])


def saved_notebook() -> Any:
    notebook = nbformat.v4.new_notebook()
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    for case in TEXTS:
        text = case["text"]
        bundles = [hostile_reply(text)._repr_mimebundle_()]
        bundles += [{"text/html": html, "text/plain": prompt_text(hostile_prompt(text))} for html in pictures(text)]
        bundles.append({"text/html": waiting_html("retry", 2, model=text, endpoint=text, text=text), "text/plain": ""})
        outputs = [nbformat.v4.new_output("display_data", data=data) for data in bundles]
        notebook.cells.append(nbformat.v4.new_code_cell(f"# {case['id']}", outputs=[*outputs, error_output(text)]))
    nbformat.validate(notebook)
    return notebook


def test_the_listener_would_notice(playwright: Playwright) -> None:
    """What is obeyed is counted, by either scheme: so a zero below means something."""
    with Listener() as other:
        browser = launch(playwright, f"MAP {HOST} 127.0.0.1:{other.port}")
        page = browser.new_page()
        page.set_content(f"<img src='https://{HOST}/i'><img src='http://{HOST}/i'><script>window.__pwned = 1</script>")
        page.wait_for_timeout(1_000)
        assert page.evaluate("() => window.__pwned") == 1
        browser.close()
        assert other.connections >= 2


def test_a_cell_that_was_just_run(jupyterlab: JupyterLab, victim: Page, listener: Listener) -> None:
    shown = [(hostile_reply(case["text"]).to_dict(), pictures(case["text"])) for case in TEXTS]
    (jupyterlab.notebooks / "hostile.json").write_text(json.dumps(shown), "utf-8")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, jupyterlab.notebooks / "run-hostile.ipynb")
    jupyterlab.open(victim, "run-hostile.ipynb")
    wait_for_kernel(victim)
    run_cell(victim, 0)
    assert_harmless(victim, listener, boxes=BOXES)


def test_a_saved_notebook_that_nobody_trusts(jupyterlab: JupyterLab, victim: Page, listener: Listener) -> None:
    nbformat.write(saved_notebook(), jupyterlab.notebooks / "saved-hostile.ipynb")
    jupyterlab.open(victim, "saved-hostile.ipynb")
    assert_harmless(victim, listener, boxes=BOXES)
    trusted = "() => window.jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.model.trusted)"
    assert not any(victim.evaluate(trusted))
    first = victim.locator(".magistral-reply").first
    assert "Here you are." in first.locator(".magistral-thinking").inner_text()
    assert "Here you are." in first.locator(".magistral-answer").inner_text()
    pieces = [(f"{case['id']} {number}", html) for case in TEXTS for number, html in enumerate(_all_html(case["text"]))]
    took = victim.evaluate(SECONDS, pieces)
    print("slowest to draw:", sorted(took.items(), key=lambda one: -one[1])[:3])
    assert {name: seconds for name, seconds in took.items() if seconds > 1} == {}


def _all_html(text: str) -> list[str]:
    return [hostile_reply(text)._repr_mimebundle_()["text/html"], *pictures(text)]


def test_a_saved_notebook_in_notebook_7(jupyterlab: JupyterLab, victim: Page, listener: Listener) -> None:
    nbformat.write(saved_notebook(), jupyterlab.notebooks / "seven-hostile.ipynb")
    victim.goto(f"{jupyterlab.url}/notebooks/seven-hostile.ipynb")
    victim.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    assert_harmless(victim, listener, boxes=BOXES)


def test_the_page_of_nbconvert(victim: Page, listener: Listener, tmp_path: Path) -> None:
    path = tmp_path / "hostile.html"
    path.write_text(HTMLExporter().from_notebook_node(saved_notebook())[0], "utf-8")
    victim.goto(path.as_uri())
    assert_harmless(victim, listener, boxes=BOXES)
    assert "<script>window.__pwned" not in path.read_text("utf-8")
