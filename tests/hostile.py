"""The corpus of hostile texts (`data/hostile.json`), as texts that can be shown anywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.html_reading import Reading

CORPUS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "hostile.json").read_text("utf-8"))
HOST = "collect.invalid"
KEYS = {"H46", "H47", "H62", "H63", "H64"}
"""Cases about keys: what is sent and kept is tested with the settings, here only that the texts do no harm."""


def shown_text(case: dict[str, Any]) -> str:
    """Return the text of a case; a stream's chunks joined, and of what is repeated as much as shows the kind."""
    text = case["text"]
    if isinstance(text, list):  # the chunks of a stream
        return "".join(map(str, text))
    if isinstance(text, dict):
        return str(text["repeat"]) * min(int(text["times"]), 200)
    return str(text)[:2000]


SIBLINGS = {
    "md-image-exfil": "[![a](https://collect.invalid/1)](https://collect.invalid/2) ![b](//x.collect.invalid)",
    "html-image-exfil": "<picture><source srcset='//collect.invalid/1 2x'></picture><image href=//collect.invalid/2>",
    "css-exfil": "<p style='background:url(//collect.invalid/1);position:fixed;inset:0'>over</p>",
    "md-link": "<https://collect.invalid/?d=S> [x](data:text/html;base64,AAAA) [y](https://a.invalid@collect.invalid/)",
    "html-script": "<svg/onload=window.__pwned=1><math href=javascript:window.__pwned=1>x</math><a name=jupyterapp>",
    "katex": r"$x\unicode{x41}$ $\class{jp-Dialog}{x}$ $\style{position:fixed}{x}$ \[\require{html}\cssId{a}{b}\]",
    "katex-dos": "$" + r"\!" * 900 + f"left$ ${'a' * 3000}$ ${'{' * 900}x{'}' * 900}$ $x{'^{x' * 99}{'}' * 99}$",
    "ansi-osc": "\x9d8;;https://collect.invalid\x9creport\x9b2J\x90q\r\x1b]0;title\x07",
    "invisible-tags": "a\u200cb\u200db\u2066\u202e\u115f\u3164\U000e0101\ufe05\ufe06",
    "ui-spoof": f"<div class='jp-Cell'>In [1]:</div>\n\n{'wide' * 500}\n\n|{'cell|' * 300}\n|{'-|' * 300}",
    "control-chars": "\udc00\ud800 \x7f\x85\ufdd0\uffff",
}
"""More of the same kinds, so that not one spelling is stopped but the kind."""
TEXTS = [{"id": case["id"], "text": shown_text(case)} for case in CORPUS]
TEXTS += [{"id": f"more {kind}", "text": text} for kind, text in SIBLINGS.items()]
BY_ID = {case["id"]: case for case in CORPUS}


def dangers(reading: Reading) -> list[str]:
    """Return what is wrong with HTML that was read, beside what `html_reading` refuses everywhere."""
    found = list(reading.faults)
    for element in reading.elements:
        style = element.attributes.get("style", "").replace(" ", "").lower()
        names = [name for name in element.attributes if name in ("id", "name") or name.startswith(("on", "data-"))]
        found += [f"{element.tag} {name}" for name in names]
        loose = ("position:", "z-index", "transform", "url(", "margin:-", "margin-left:-", "@import", "expression")
        found += [f"{element.tag} {word}" for word in loose if word in style]
    found += [fault for link in reading.all("a") for fault in _link_faults(link.attributes, reading.text)]
    return found + unseen(reading.text)


def unseen(text: str) -> list[str]:
    """Return the characters of a text that act or hide; joiners and marks of direction may stand alone."""
    kept = "\n\t\u00ad\u061c\u200c\u200d\u200e\u200f"
    return [f"U+{ord(one):04X}" for one in sorted(set(text)) if not (one.isprintable() or one in kept)]


def _link_faults(attributes: dict[str, str], text: str) -> list[str]:
    href, rel = attributes["href"], attributes.get("rel", "")
    host = href.partition("://")[2].partition("/")[0] or href.partition(":")[2].partition("?")[0]
    faults = [] if host and host in text else [f"{href} does not show {host}"]
    return faults + [f"{href} without {word}" for word in ("noopener", "noreferrer") if word not in rel.split()]
