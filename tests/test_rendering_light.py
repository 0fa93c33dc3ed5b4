"""Long replies are stored in a light dress: the same words and the same formulas, in fewer bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.server import thinking_and_answer
from magistral_nb import Reply
from magistral_nb.rendering.formulas import FORMULA_CLASSES, NO_FORMULA_CLASSES
from magistral_nb.rendering.markdown import markdown_html
from magistral_nb.rendering.reply import LONG, reply_html
from tests.formula_finding import found_by_mathjax
from tests.hostile import TEXTS as HOSTILE
from tests.hostile import dangers
from tests.html_reading import read

DATA = Path(__file__).parent / "data"
RICH = (DATA / "rich_answer.md").read_text("utf-8")
CASES = json.loads((DATA / "markdown_cases.json").read_text("utf-8"))
TEXTS = [*(case["text"] for case in CASES), *(case["text"] for case in HOSTILE if len(case["text"]) < 5_000), RICH]
PIECES = [r"\(x\)", "$y$", r"\(a { b\)", r"\[z^2\]", "$$w$$", "costs $5 and $6", r"\$", r"\(", r"\)", "`$c$`", "**b**"]
PIECES += [" words ", "\n\n", "| a | $v$ |\n|---|---|\n", "[l](https://e.org)", r"\begin{align}u\end{align}", "שלום"]
PIECES += [r"![\(i\)](https://e.org/i)", "&#36;", r"\\", "- ", "> ", "{", "}", r"\(\text{$k$}\)", "- - -\n"]


def dressed(text: str, *, light: bool) -> str:
    """Return a text as it stands in a reply, within the elements that say what MathJax may read."""
    inside = markdown_html(text, light=light)
    inside = f'<div class="{FORMULA_CLASSES}">{inside}</div>' if light else inside
    return f'<div class="{NO_FORMULA_CLASSES}">{inside}</div>'


def assert_they_say_the_same(text: str) -> None:
    full, light = dressed(text, light=False), dressed(text, light=True)
    assert found_by_mathjax(light) == found_by_mathjax(full)
    assert read(light).text == read(full).text
    assert read(light).faults == []


@pytest.mark.parametrize("text", TEXTS)
def test_the_words_and_formulas_are_the_same(text: str) -> None:
    assert_they_say_the_same(text)


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_so_they_are_whatever_stands_beside_a_formula(text: str) -> None:
    assert_they_say_the_same(text)


@pytest.mark.parametrize("case", HOSTILE, ids=[case["id"] for case in HOSTILE])
def test_hostile_text_is_as_harmless_in_a_long_reply(case: dict[str, Any]) -> None:
    reading = read(reply_html({"thinking": "so " * LONG, "answer": case["text"], "complete": True}))
    assert (dangers(reading), reading.faults) == ([], [])


def test_what_is_read_from_the_right_still_says_so() -> None:
    reading = read(markdown_html("שלום \\(x\\)\n\n- עוד `y`\n\nand *English*", light=True))
    assert [one.attributes.get("dir") for one in reading.all("p")] == ["auto", None]
    assert [one.attributes.get("dir") for one in reading.all("li") + reading.all("code")] == ["auto", "ltr"]


def sizes(thinking: str, answer: str) -> tuple[int, int]:
    """Return the bytes of a reply's text, and of the bundle that a notebook keeps of it."""
    reply = Reply.from_dict({"thinking": thinking, "answer": answer, "complete": True, "finish_reason": "stop"})
    bundle = reply._repr_mimebundle_()
    return len((thinking + answer).encode()), len(json.dumps(bundle, ensure_ascii=False).encode())


def test_the_last_picture_of_a_long_reply_is_no_more_than_four_times_its_text() -> None:
    """Dense with formulas, lists and code: of each line, its dress would be as long as its words."""
    thinking, answer = ("".join(pieces) for pieces in thinking_and_answer(40_000))
    text, bundle = sizes(thinking, answer)
    assert bundle < 4 * text


def test_nor_is_that_of_a_long_talk_in_formulas() -> None:
    line = "So \\(a_{%d} + b = \\frac{1}{n}\\) holds for \\(x > %d\\), and then it holds for all of them.\n\n"
    lines = [line % (count % 99, count) for count in range(2_000)]
    text, bundle = sizes("".join(lines), "".join(lines[:500]))
    assert bundle < 4 * text
