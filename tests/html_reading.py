"""Read HTML as a suspicious reader does: which elements, which attributes, what is seen, what is well formed."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"br", "hr"}
ALLOWED = {
    "a": {"href", "rel", "target"},
    "blockquote": {"dir"},
    "br": set(),
    "code": {"class", "dir"},
    "details": {"class", "open"},
    "div": {"class", "dir", "role"},
    "em": set(),
    "hr": set(),
    "li": {"dir"},
    "ol": {"start"},
    "p": {"dir"},
    "pre": {"dir"},
    "s": set(),
    "small": {"dir"},
    "span": {"class", "dir"},
    "strong": set(),
    "summary": set(),
    "table": set(),
    "tbody": set(),
    "td": {"dir"},
    "th": {"dir"},
    "thead": set(),
    "tr": set(),
    "ul": {"class"},
} | {f"h{level}": {"dir"} for level in range(1, 7)}
"""Every element that a reply may contain, with its attributes besides `style`."""


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    text: str = ""


@dataclass
class Reading:
    """What one piece of HTML holds. `text` is all that a reader sees, formulas as TeX with their delimiters."""

    elements: list[Element] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    text: str = ""

    def all(self, tag: str, name: str = "") -> list[Element]:
        """Return the elements of one tag, of one class if `name` is given."""
        named = [one for one in self.elements if one.tag == tag]
        return [one for one in named if not name or name in one.attributes.get("class", "").split()]

    @property
    def formulas(self) -> list[str]:
        return [one.text for one in self.all("span", "mathjax_process")]


def read(html: str) -> Reading:
    """Read HTML; whatever is not allowed in a reply, or not well formed, is among the `faults`."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.found.faults += [f"<{element.tag}> is never closed" for element in reader.open]
    return reader.found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found = Reading()
        self.open: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.found.elements.append(element)
        self.found.faults += _faults(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1].tag != tag:
            self.found.faults.append(f"</{tag}> closes nothing")
        else:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self.found.text += data
        for element in self.open:
            element.text += data

    def handle_comment(self, data: str) -> None:
        self.found.faults.append("a comment")

    def handle_decl(self, decl: str) -> None:
        self.found.faults.append("a declaration")

    def unknown_decl(self, data: str) -> None:
        self.found.faults.append("a declaration")

    def handle_pi(self, data: str) -> None:
        self.found.faults.append("a processing instruction")


def _faults(element: Element) -> list[str]:
    if element.tag not in ALLOWED:
        return [f"<{element.tag}> is not allowed"]
    allowed = ALLOWED[element.tag] | {"style"}
    faults = [f"{element.tag} {name}=" for name in element.attributes if name not in allowed]
    if "url" in element.attributes.get("style", ""):
        faults.append("a style that loads")
    href = element.attributes.get("href")
    if href is not None and not href.startswith(("https://", "http://", "mailto:")):
        faults.append(f"a link to {href[:40]}")
    return faults
