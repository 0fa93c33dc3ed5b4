"""A conversation that stands still: as a page of its own, and as a Markdown file. From plain data, and safe to open.

`turns` are dicts: `asked`, a list of (role, text); `reply`, the dict of `Reply.to_dict()`; `mark`, how the turn ended,
or ""; and `branch`, such as "2/3" where there are others beside it. Who speaks is said by our own marks only: text is
quoted in Markdown, and in a box of its own in HTML, so that none can pretend to be another turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from magistral_nb.rendering import facts
from magistral_nb.rendering.quoting import one_line, quoted_markdown
from magistral_nb.rendering.reply import reply_html
from magistral_nb.rendering.text import plain

TurnData = Mapping[str, Any]
_SPEAKERS = {"user": "You", "system": "System prompt", "tool": "Result of a function", "assistant": "Model (given)"}
_TURN_LOOK = "margin:0 0 28px"
_ASKED_LOOK = (
    "margin:0 0 12px;padding:8px 14px;border-left:3px solid rgba(40,120,230,0.8);"
    "background-color:rgba(40,120,230,0.07);white-space:pre-wrap;overflow-wrap:break-word"
)
_LABEL_LOOK = "margin:0 0 4px;font-size:0.85em;opacity:0.75"
_MARK_LOOK = (
    "margin:6px 0;padding:4px 12px;border-left:3px solid rgba(210,140,0,0.8);background-color:rgba(255,170,0,0.1)"
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
</head>
<body style="margin:24px auto;padding:0 16px;max-width:60em;font-family:system-ui,sans-serif;line-height:1.5">
{inside}
</body>
</html>
"""


def conversation_page(turns: Sequence[TurnData], *, title: str) -> str:
    """Return a conversation as an HTML page that stands alone: no script, nothing loaded, every text as text."""
    heading = f"<h1>{_safe(title)}</h1>"
    return _PAGE.format(title=_safe(title), inside="\n".join([heading, conversation_html(turns)]))


def conversation_html(turns: Sequence[TurnData]) -> str:
    """Return a conversation as a piece of HTML, for a notebook."""
    boxes = "\n".join(_turn_html(number, turn) for number, turn in enumerate(turns, start=1))
    return f'<div class="magistral magistral-conversation tex2jax_ignore mathjax_ignore">\n{boxes}\n</div>'


def conversation_markdown(turns: Sequence[TurnData], *, title: str) -> str:
    """Return a conversation as Markdown: our headings, everything else quoted, the thinking folded."""
    blocks = [f"# {one_line(title)}"]
    for number, turn in enumerate(turns, start=1):
        blocks += _turn_markdown(number, turn)
    return "\n\n".join(blocks) + "\n"


def _turn_html(number: int, turn: TurnData) -> str:
    asked = "\n".join(
        f'<div style="{_LABEL_LOOK}">{number}. {_SPEAKERS[role]}{_branch(turn)}</div>\n'
        f'<div class="magistral-asked" style="{_ASKED_LOOK}" dir="auto">{_safe(text)}</div>'
        for role, text in turn["asked"]
    )
    mark = f'<div class="magistral-notice" style="{_MARK_LOOK}">{_safe(turn["mark"])}</div>' if turn["mark"] else ""
    speaker = f'<div style="{_LABEL_LOOK}">{number}. Model</div>'
    inside = "\n".join(part for part in (asked, speaker, reply_html(turn["reply"]), mark) if part)
    return f'<div class="magistral-turn" style="{_TURN_LOOK}">\n{inside}\n</div>'


def _turn_markdown(number: int, turn: TurnData) -> list[str]:
    reply = turn["reply"]
    blocks = []
    for role, text in turn["asked"]:
        blocks += [f"## {number}. {_SPEAKERS[role]}{_branch(turn)}", quoted_markdown(text)]
    blocks.append(f"## {number}. Model")
    if str(reply.get("thinking") or "").strip():
        thinking = quoted_markdown(str(reply["thinking"]))
        blocks.append(f"<details>\n<summary>{facts.thought(reply)}</summary>\n\n{thinking}\n\n</details>")
    if str(reply.get("answer") or "").strip():
        blocks.append(quoted_markdown(str(reply["answer"])))
    blocks += [f"- asked for {one_line(wish)}" for wish in facts.wishes(reply)]
    told = [facts.missing_answer(reply), *facts.badges(reply), *facts.warnings(reply), turn["mark"]]
    blocks += [f"- ⚠ {one_line(text)}" for text in told if text]
    footer = " · ".join(one_line(fact) for fact in facts.footer(reply))
    return [*blocks, f"*{footer}*"] if footer else blocks


def _branch(turn: TurnData) -> str:
    return f" (branch {turn['branch']})" if turn["branch"] else ""


def _safe(text: str) -> str:
    return escape(plain(text))
