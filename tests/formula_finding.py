"""What MathJax takes for a formula in a page, by its own rules: the elements it enters, the delimiters it looks for."""

from __future__ import annotations

import re
from html.parser import HTMLParser

SKIPPED = {"script", "noscript", "style", "textarea", "pre", "code", "annotation", "annotation-xml"}
NO_BREAK = {"br", "wbr"}
CLOSING = {"$$": "$$", "$": "$", r"\(": r"\)", r"\[": r"\]"}
_OPENING = re.compile(r"\\\\|\\\$|\$\$|\$|\\\(|\\\[|\\begin\{([^}]*)\}")


def found_by_mathjax(html: str) -> list[str]:
    """Return every formula that MathJax would typeset, in order, with its delimiters.

    >>> found_by_mathjax('a $5 and $6, <code>$x$</code>')
    ['$5 and $']
    """
    reader = _Texts()
    reader.feed(html)
    reader.close()
    return [formula for text in [*reader.texts, reader.text] for formula in _formulas(text)]


class _Texts(HTMLParser):
    """The runs of text that MathJax looks through: an element ends one, as it cannot lie within a formula."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self.text = ""
        self.open: list[bool] = [True]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in NO_BREAK:
            self.text += "\n"
            return
        self.end_text()
        names = (dict(attrs).get("class") or "").split()
        is_read = (self.open[-1] and "mathjax_ignore" not in names) or "mathjax_process" in names
        if tag != "hr":
            self.open.append(is_read and tag not in SKIPPED)

    def handle_endtag(self, tag: str) -> None:
        self.end_text()
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.text += data if self.open[-1] else ""

    def end_text(self) -> None:
        self.texts.append(self.text)
        self.text = ""


def _formulas(text: str) -> list[str]:
    found, at = [], 0
    while opening := _OPENING.search(text, at):
        at = opening.end()
        closing = rf"\end{{{opening[1]}}}" if opening[1] is not None else CLOSING.get(opening[0])
        end = closing and _end(text, at, closing)
        if end:
            found.append(text[opening.start() : end])
            at = end
    return found


def _end(text: str, start: int, closing: str) -> int | None:
    depth = 0
    for sign in re.compile(rf"{re.escape(closing)}|\\(?:[a-zA-Z]|.)|[{{}}]", re.DOTALL).finditer(text, start):
        if sign[0] == closing and depth == 0:
            return sign.end()
        depth += {"{": 1, "}": -1}.get(sign[0], 0)
    return None
