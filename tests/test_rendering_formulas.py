"""Which formulas are left to MathJax, and which are shown as code."""

from __future__ import annotations

import pytest

from magistral_nb.rendering.formulas import LONGEST_FORMULA
from tests.test_rendering_markdown import shown


@pytest.mark.parametrize(
    "tex",
    [
        r"\href{javascript:x}{y}",
        r"\htmlData{x=1}{y}",
        r"\includegraphics{https://a.invalid/k.png}",
        r"\def\a{\a\a}\a",
        r"\newcommand{\x}{y}",
        r"\renewcommand\sum{x}",
        r"\DeclareMathOperator{\a}{b}",
        r"\let\a=\b",
        r"\require{html}",
        r"\unicode{x41}",
        r"\rule{1e9em}{1e9em}",
        r"\hspace{-300em}x",
        r"\kern 20em x",
        r"a \\[99em] b",
        r"\raise 9em{x}",
        r"\llap{x}",
        "{" * 51 + "x" + "}" * 51,
        r"\left(" * 51 + r"\right)" * 51,
        r"\begin{matrix}" * 51 + r"\end{matrix}" * 51,
        r"\mathrlap{x}",
        r"\smash{x}",
        r"\style{color:red}{x}",
        r"\cssId{a}{b}",
        r"\class{a}{b}",
        r"\begin{array}{*{9999}{c}}x\end{array}",
        "x" * (LONGEST_FORMULA + 1),
    ],
)
def test_a_formula_that_does_more_than_look_is_shown_as_code(tex: str) -> None:
    for opening, closing in (("$", "$"), (r"\(", r"\)"), (r"\[", r"\]")):
        reading = shown(f"see {opening}{tex}{closing} there")
        assert reading.formulas == []
        assert [code.text for code in reading.all("code")] == [f"{opening}{tex}{closing}"]


@pytest.mark.parametrize(
    "tex",
    [
        r"\rho\defeq\hspace{1em}x",
        r"\ruled",
        r"a \\[4pt] b",
        r"\left(x\right)",
        r"\newline",
        r"\mathrm{let}",
        "{x}" * 99,
    ],
)
def test_a_harmless_formula_is_typeset(tex: str) -> None:
    assert shown(f"\\({tex}\\)").formulas == [f"\\({tex}\\)"]


def test_a_label_does_not_become_an_id() -> None:
    assert shown(r"\[x \label{top} \tag{1}\]").formulas == [r"\[x  \tag{1}\]"]


def test_only_so_many_formulas_are_typeset() -> None:
    reading = shown("$x$ " * 1_000)
    assert len(reading.formulas) == 25_000 // 26
    assert len(reading.all("code")) == 1_000 - 25_000 // 26
