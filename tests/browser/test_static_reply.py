"""A saved reply, opened again with no kernel and no trust, in JupyterLab and as nbconvert's HTML."""

# mypy: allow-untyped-calls
# (nbformat and nbconvert have no types of their own)

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Page, expect

from magistral_nb.rendering.live import live_answer_html, live_thinking_html
from magistral_nb.rendering.reply import REPLY_MIME, reply_html, reply_text
from tests.browser.contrast import hard_to_read
from tests.browser.jupyterlab import JupyterLab, outputs, run_cell, wait_for_kernel

pytestmark = pytest.mark.browser
Shot = Callable[[Page, str], None]

DATA = Path(__file__).parent.parent / "data"
FORMULAS_IN_THINKING, FORMULAS_IN_ANSWER = 3, 10
PRICES = ("costs $5 and a book $6, so US$5–$10 is", "$5.00 to $7.50/kg", "$HOME")


def rich_reply(**changes: Any) -> dict[str, Any]:
    reply = {
        "thinking": (DATA / "rich_thinking.md").read_text("utf-8"),
        "answer": (DATA / "rich_answer.md").read_text("utf-8"),
        "finish_reason": "stop",
        "complete": True,
        "usage": {"prompt_tokens": 1234, "completion_tokens": 567, "cost": 0.0012},
        "seconds": 14.2,
        "thinking_seconds": 12.3,
        "model": "magistral-small-2509",
        "endpoint": "mistral",
        "tool_calls": [],
        "notices": [],
    }
    return reply | changes


def cut_off_reply() -> dict[str, Any]:
    return rich_reply(
        answer="",
        finish_reason="length",
        recorded="2026-11-20",
        notices=[
            {"code": "demonstration", "text": "A demonstration model with 135 million parameters: often wrong."},
            {"code": "no_close", "text": "The thinking never ended."},
        ],
        tool_calls=[],
    )


def tool_reply() -> dict[str, Any]:
    calls = [{"id": "1", "name": "get_weather", "arguments": '{"city": "Paris", "unit": "<b>celsius</b>"}'}]
    return rich_reply(answer="", thinking="", finish_reason="tool_calls", tool_calls=calls)


def saved_output(data: dict[str, Any]) -> Any:
    bundle = {REPLY_MIME: data, "text/html": reply_html(data), "text/plain": reply_text(data)}
    return nbformat.v4.new_output("display_data", data=bundle)


def saved_notebook() -> Any:
    """Make the notebook: a rich reply, one cut off while thinking, one that asks for a tool, two live displays."""
    shown = [
        ("%%magistral\nWhat is the sum of the first n odd numbers?", [saved_output(rich_reply())]),
        ("%%magistral\nGo on", [saved_output(cut_off_reply())]),
        ("%%magistral\nIs it warm?", [saved_output(tool_reply())]),
        (
            "live",
            [
                nbformat.v4.new_output("display_data", data={"text/html": html, "text/plain": ""})
                for html in (
                    live_thinking_html("Let me think about <b> and $5. " * 40, 12.6, tail_characters=600),
                    live_answer_html("So far: \\(x^2\\) and **half a li"),
                )
            ],
        ),
    ]
    notebook = nbformat.v4.new_notebook()
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    for source, held in shown:
        notebook.cells.append(nbformat.v4.new_code_cell(source, outputs=held))
    nbformat.validate(notebook)
    return notebook


@pytest.fixture
def notebook_page(page: Page, jupyterlab: JupyterLab, hosts_called: set[str]) -> Page:
    nbformat.write(saved_notebook(), jupyterlab.notebooks / "saved.ipynb")
    jupyterlab.use_theme("JupyterLab Light")
    jupyterlab.open(page, "saved.ipynb")
    expect(page.locator(".magistral-reply").first.locator("mjx-container")).to_have_count(
        FORMULAS_IN_THINKING + FORMULAS_IN_ANSWER, timeout=30_000
    )
    return page


def test_untrusted_reply_in_jupyterlab(notebook_page: Page, hosts_called: set[str]) -> None:
    reply = notebook_page.locator(".magistral-reply").first
    answer = reply.locator(".magistral-answer")
    text = answer.inner_text()

    trusted = notebook_page.evaluate("() => window.jupyterapp.shell.currentWidget.content.widgets[0].model.trusted")
    assert trusted is False
    assert answer.locator("mjx-container").count() == FORMULAS_IN_ANSWER
    assert answer.locator("mjx-merror").count() == 0
    assert all(price in text for price in PRICES)
    assert "regex \\[a-z\\] and $HOME stay" in text
    assert "[image: chart — collect.invalid]" in text
    assert "<img src=x onerror=" in text
    assert notebook_page.evaluate("() => window.__pwned") is None
    assert hosts_called == set()


def test_thinking_opens_on_click(notebook_page: Page) -> None:
    fold = notebook_page.locator(".magistral-thinking").first
    assert fold.locator("summary").inner_text() == "Thought for 12 s"
    expect(fold.get_by_text("Let me try small cases")).to_be_hidden()
    fold.locator("summary").click()
    expect(fold.get_by_text("Let me try small cases")).to_be_visible()


def test_styles_survive_the_sanitizer(notebook_page: Page) -> None:
    """What JupyterLab drops from our inline styles would be missing from every reopened notebook."""
    written = reply_html(rich_reply())
    kept: list[list[str]] = notebook_page.evaluate(
        """written => {
            const properties = root => [...root.querySelectorAll('[style]')]
                .filter(element => !element.closest('mjx-container'))
                .map(element => [...element.style].sort().join());
            const ours = new DOMParser().parseFromString(written, 'text/html').body;
            const theirs = document.querySelector('.magistral-reply').parentElement;
            return [properties(ours), properties(theirs)];
        }""",
        written,
    )
    assert kept[0] == kept[1]


def test_text_keeps_its_direction_and_links_their_manners(notebook_page: Page) -> None:
    answer = notebook_page.locator(".magistral-answer").first
    hebrew = answer.locator("p", has_text="שלום")
    assert hebrew.evaluate("element => getComputedStyle(element).direction") == "rtl"
    link = answer.get_by_role("link", name="the proof")
    assert link.get_attribute("target") == "_blank"
    assert "noopener" in str(link.get_attribute("rel"))


def test_a_cell_that_runs_shows_the_same(jupyterlab: JupyterLab, page: Page) -> None:
    """The trusted way: HTML that a kernel made a moment ago, of a text with two formulas and many look-alikes.

    The second reply is a long one, whose formulas in the last paragraph have no element of their own.
    """
    answer = r"`\(a_1\)` in code, then \(a_1 * b_1\), \[x^2\], it costs $5 and $6, regex `\[a-z\]`"
    answer += "\n\n" + r"Only \(c_1\), \(d_1 < 2\) and words."
    source = (
        "from IPython.display import HTML, display\n"
        "from magistral_nb.rendering.reply import reply_html\n"
        f"display(HTML(reply_html({{'answer': {answer!r}, 'complete': True}})))\n"
        f"display(HTML(reply_html({{'thinking': 'so ' * 20_000, 'answer': {answer!r}, 'complete': True}})))"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, jupyterlab.notebooks / "run.ipynb")
    jupyterlab.open(page, "run.ipynb")
    wait_for_kernel(page)
    run_cell(page, 0)
    assert [output["output_type"] for output in outputs(page, 0)] == ["display_data"] * 2
    expect(page.locator(".magistral-answer mjx-container")).to_have_count(8, timeout=30_000)
    for reply in page.locator(".magistral-answer").all():
        text = reply.inner_text()
        assert text.startswith(r"\(a_1\) in code, then")
        assert r"it costs $5 and $6, regex \[a-z\]" in text
        expect(reply.locator("p").last.locator("mjx-container")).to_have_count(2)


def test_live_thinking_shows_its_end(page: Page) -> None:
    page.set_content(live_thinking_html("It goes on and on. " * 1000 + "<b>last words", 12.6))
    box = page.locator(".magistral-thinking > div")
    inside = box.evaluate(
        """box => {
            const text = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
            const range = document.createRange();
            for (let node; (node = text.nextNode());) range.setStart(node, Math.max(0, node.length - 5));
            range.setEnd(range.startContainer, range.startContainer.length);
            const [words, frame] = [range.getBoundingClientRect(), box.getBoundingClientRect()];
            return words.height > 0 && words.top >= frame.top && words.bottom <= frame.bottom;
        }"""
    )
    assert inside
    assert box.evaluate("box => box.scrollHeight > box.clientHeight")


def test_nbconvert_page(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "saved.html"
    path.write_text(HTMLExporter().from_notebook_node(saved_notebook())[0], "utf-8")
    page.goto(path.as_uri())
    reply = page.locator(".magistral-reply").first

    fold = reply.locator(".magistral-thinking")
    expect(fold.get_by_text("Let me try small cases")).to_be_hidden()
    fold.locator("summary").click()
    expect(fold.get_by_text("Let me try small cases")).to_be_visible()
    formulas = FORMULAS_IN_THINKING + FORMULAS_IN_ANSWER
    assert page.locator(".magistral-reply").first.locator(".tex2jax_process.mathjax_process").count() == formulas
    assert "tex2jax_ignore mathjax_ignore" in str(reply.get_attribute("class"))
    assert reply.locator("script, img, style, iframe, form").count() == 0
    assert all(price in reply.inner_text() for price in PRICES)
    assert page.evaluate("() => window.__pwned") is None


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_both_themes_can_be_read(
    theme: str, jupyterlab: JupyterLab, page: Page, tmp_path: Path, take_shot: Shot
) -> None:
    """Muted text keeps a contrast of 4.5 : 1 against the page, in both themes and on paper."""
    nbformat.write(saved_notebook(), jupyterlab.notebooks / "saved.ipynb")
    jupyterlab.use_theme(f"JupyterLab {theme}")
    jupyterlab.open(page, "saved.ipynb")
    expect(page.locator(".magistral-answer mjx-container").first).to_be_visible(timeout=30_000)
    page.locator(".magistral-thinking summary").first.click()
    page.set_viewport_size({"width": 1200, "height": 3000})
    take_shot(page, f"static-lab-{theme.lower()}")
    assert hard_to_read(page, ".magistral-reply") == []

    path = tmp_path / "saved.html"
    exporter = HTMLExporter(theme=theme.lower())
    path.write_text(exporter.from_notebook_node(saved_notebook())[0], "utf-8")
    page.goto(path.as_uri())
    page.locator(".magistral-thinking summary").first.click()
    take_shot(page, f"static-nbconvert-{theme.lower()}")
    assert hard_to_read(page, ".magistral-reply") == []
