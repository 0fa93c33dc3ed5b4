"""A finished reply as HTML for a notebook and as text for a terminal.

`data` is always the dict of `Reply.to_dict()`. Styles are inline, because notebooks remove style sheets from outputs
that they do not trust, and use no colour that would vanish on black or on white.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from magistral_nb.rendering import facts
from magistral_nb.rendering.formulas import FORMULA_CLASSES, NO_FORMULA_CLASSES
from magistral_nb.rendering.markdown import markdown_html
from magistral_nb.rendering.text import plain

REPLY_MIME = "application/vnd.magistral.reply.v1+json"
"""The type under which `Reply.to_dict()` is stored in a notebook."""

REPLY_CLASSES = f"magistral magistral-reply {NO_FORMULA_CLASSES}"
"""Classes of the box around a reply. The last two keep MathJax away from everything but our own formulas."""

LONG = 50_000
"""In characters: the elements of a longer reply are dressed lightly, or a notebook would hold five times its text."""

REPLY_LOOK = "max-width:58em;line-height:1.55;overflow-wrap:break-word;overflow-x:auto;overflow-y:hidden"
"""The overflow is a wall: whatever a formula draws beyond the box is scrolled to, or not seen."""
THINKING_LOOK = (
    "margin:6px 0 0;padding:2px 14px;border-left:3px solid rgba(128,128,128,0.35);"
    "max-height:24em;overflow:auto;font-size:0.95em;opacity:0.8"
)
SUMMARY_LOOK = "cursor:pointer;font-size:0.95em;opacity:0.8"
_BADGE_LOOK = (
    "display:inline-block;margin:0 8px 8px 0;padding:2px 10px;font-size:0.9em;border-radius:4px;"
    "border:1px solid rgba(210,140,0,0.7);background-color:rgba(255,170,0,0.12);"
    "max-width:100%;box-sizing:border-box"  # else one long word is drawn over the rest of the page
)
_WARNING_LOOK = (
    "margin:10px 0;padding:6px 12px;border-left:3px solid rgba(210,140,0,0.8);background-color:rgba(255,170,0,0.1)"
)
_FOOTER_LOOK = "margin:12px 0 2px;padding:6px 0 0;border-top:1px solid rgba(128,128,128,0.25);font-size:0.85em"
_MUTED = "opacity:0.75"


def reply_html(data: Mapping[str, Any], *, show_thinking: bool = True) -> str:
    """Return a reply as HTML: thinking folded, answer, what the reader must know, and where it came from."""
    parts = [
        "".join(_box("magistral-badge", _BADGE_LOOK, badge) for badge in facts.badges(data)),
        _thinking_html(data) if show_thinking else "",
        _answer_html(data),
        _wishes_html(data),
        _warning_html(facts.missing_answer(data)),
        "".join(_warning_html(warning) for warning in facts.warnings(data)),
        _footer_html(data),
    ]
    inside = "\n".join(part for part in parts if part)
    return f'<div class="{REPLY_CLASSES}" style="{REPLY_LOOK}">\n{inside}\n</div>'


def reply_text(data: Mapping[str, Any], *, show_thinking: bool = True) -> str:
    """Return a reply as text that is safe to print in a terminal."""
    thinking, answer = (str(data.get(part) or "").strip("\n") for part in ("thinking", "answer"))
    parts = [
        _lines(f"[{badge}]" for badge in facts.badges(data)),
        f"{facts.thought(data)}:\n{_quoted(thinking)}" if show_thinking and thinking.strip() else "",
        answer if answer.strip() else "",
        _lines(f"asked for {wish}" for wish in facts.wishes(data)),
        facts.missing_answer(data),
        _lines(f"⚠ {warning}" for warning in facts.warnings(data)),
        _footer_text(data),
    ]
    return plain("\n\n".join(part for part in parts if part))


def _box(name: str, style: str, text: str) -> str:
    return f'<div class="{name}" style="{style}" dir="auto">{escape(plain(text))}</div>'


def _thinking_html(data: Mapping[str, Any]) -> str:
    thinking = str(data.get("thinking") or "")
    if not thinking.strip():
        return ""
    state = " open" if facts.missing_answer(data) else ""
    return (
        f'<details class="magistral-thinking" style="margin:0 0 10px"{state}>'
        f'<summary style="{SUMMARY_LOOK}">{facts.thought(data)}</summary>\n'
        f"{_text_html('', thinking, data, style=THINKING_LOOK)}\n</details>"
    )


def _answer_html(data: Mapping[str, Any]) -> str:
    answer = str(data.get("answer") or "")
    return _text_html("magistral-answer", answer, data) if answer.strip() else ""


def _text_html(name: str, text: str, data: Mapping[str, Any], *, style: str = "") -> str:
    light = sum(len(str(data.get(part) or "")) for part in ("thinking", "answer")) > LONG
    names = [*([name] if name else []), *([FORMULA_CLASSES] if light else [])]
    attributes = (f' class="{" ".join(names)}"' if names else "") + (f' style="{style}"' if style else "")
    return f"<div{attributes}>\n{markdown_html(text, light=light)}</div>"


def _wishes_html(data: Mapping[str, Any]) -> str:
    wishes = facts.wishes(data)
    code = '<li>asked for <code dir="ltr" style="overflow-wrap:break-word;padding:0">{}</code></li>'
    items = "\n".join(code.format(escape(plain(wish))) for wish in wishes)
    return f'<ul class="magistral-tools">\n{items}\n</ul>' if wishes else ""


def _warning_html(text: str) -> str:
    return _box("magistral-notice", _WARNING_LOOK, f"⚠ {text}") if text else ""


def _footer_html(data: Mapping[str, Any]) -> str:
    facts_shown = escape(plain(" · ".join(facts.footer(data))))
    end = facts.unusual_end(data)
    shown = [f"<strong>{escape(end)}</strong>"] if end else []
    shown += [f'<span style="{_MUTED}">{facts_shown}</span>'] if facts_shown else []
    return f'<div class="magistral-footer" style="{_FOOTER_LOOK}">{" · ".join(shown)}</div>' if shown else ""


def _footer_text(data: Mapping[str, Any]) -> str:
    end = facts.unusual_end(data)
    shown = [*([end] if end else []), *facts.footer(data)]
    return f"— {' · '.join(shown)}" if shown else ""


def _quoted(text: str) -> str:
    return _lines(f"│ {line}".rstrip() for line in text.split("\n"))


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines)
