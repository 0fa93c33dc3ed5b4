"""Model Markdown as safe HTML: nothing in it runs, loads, or pretends to be something else."""

from __future__ import annotations

from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any

from magistral_nb.rendering.text import plain

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

LONGEST_TEXT = 1_000_000
"""In characters: a longer text is shown as it is, unformatted."""

MOST_MARKS = 30_000
"""Line breaks and characters such as `*`, weighed: a text with more is shown unformatted. One costs about 20 µs."""

MARKS = {"[": 4, "\n": 2, "<": 2} | dict.fromkeys("!$&*\\]_`|~", 1)
"""The characters that the parser stops at, and how much each may cost: what stands in brackets is read repeatedly."""

MOST_TOKENS = 30_000
"""Pieces of the parsed text: one with more is shown unformatted. A short text can ask for a huge empty table."""

DEEPEST_NESTING = 40
"""Lists and quotes inside each other, counted in levels of HTML: a deeper text is shown unformatted."""


def markdown_html(text: str, *, light: bool = False) -> str:
    """Return Markdown as HTML that may be shown anywhere.

    HTML in the text is shown, not obeyed. Images become links, links show where they lead, and only http, https and
    mailto lead anywhere. Formulas are marked for MathJax and everything else is kept from it, if an element around the
    result has the classes `tex2jax_ignore mathjax_ignore`. `light` needs fewer bytes for each element, and the classes
    `tex2jax_process mathjax_process` at an element within that one.

    >>> print(markdown_html("*Hi* <b>"), end="")
    <p dir="auto"><em>Hi</em> &lt;b&gt;</p>
    """
    text = plain(text)
    if len(text) > LONGEST_TEXT or _cost(text) > MOST_MARKS:
        return unformatted_html(text)
    environment: dict[str, Any] = {}
    try:
        tokens = _parser(light).parse(text, environment)
    except OverflowError:
        return unformatted_html(text)
    too_deep = any(token.level >= DEEPEST_NESTING - 1 for token in tokens)  # the parser drops what lies deeper
    if too_deep or len(tokens) > MOST_TOKENS:
        return unformatted_html(text)
    html: str = _parser(light).renderer.render(tokens, _parser(light).options, environment)
    return plain(html)  # once more, for what was written as `&#x202e;`


def unformatted_html(text: str) -> str:
    """Return the text as it is, in a box that keeps its line breaks."""
    return f'<pre dir="auto" style="white-space:pre-wrap;overflow-wrap:break-word">{escape(plain(text))}</pre>\n'


def _cost(text: str) -> int:
    return sum(weight * text.count(mark) for mark, weight in MARKS.items())


@cache
def _parser(light: bool) -> MarkdownIt:
    """Make the parser on first use: importing markdown-it costs 60 ms that most imports do not need."""
    from magistral_nb.rendering import elements, light_elements

    dress = light_elements.LightElements if light else elements.Elements
    return elements.parser(deepest_nesting=DEEPEST_NESTING, most_tokens=MOST_TOKENS, elements=dress)
