"""A prompt under glass: every control token, every text, whose it is, what it costs, and what was left out.

`data` is the dict of `Prompt.to_dict()`. Styles are inline and colours are faint layers, as in `reply`: notebooks
remove style sheets, and a page may be black or white.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import groupby
from typing import Any

from magistral_nb.rendering.reply import REPLY_LOOK
from magistral_nb.rendering.text import plain

PROMPT_CLASSES = "magistral magistral-prompt tex2jax_ignore mathjax_ignore"
MOST_CHARACTERS = 20_000
"""A longer text is shown without its middle; `Prompt.text` has it all."""
MOST_PARTS = 1_000
"""A prompt of more parts is shown without its middle."""

_ROLES = {
    "system": ("system prompt", "150,90,220"),
    "tools": ("tools", "215,120,0"),
    "user": ("user", "40,120,230"),
    "assistant": ("assistant", "30,150,80"),
    "tool": ("tool result", "200,60,120"),
    "": ("beginning", "128,128,128"),
}
_BOX_LOOK = (
    "margin:4px 0;padding:4px 10px 6px;border-left:3px solid rgba({0},0.8);background-color:rgba({0},0.07);"
    "overflow-wrap:break-word"
)
_CHIP_LOOK = (
    "display:inline-block;margin:1px 3px 1px 0;padding:0 6px;font-family:monospace;font-size:0.85em;border-radius:9px;"
    "border:1px solid rgba({0},0.7);background-color:rgba({0},0.2);max-width:100%;box-sizing:border-box"
)
_LABEL_LOOK = "margin:0 0 2px;font-size:0.8em;opacity:0.75"
_TEXT_LOOK = "white-space:pre-wrap"
_COUNT_LOOK = "margin:0 6px 0 3px;font-size:0.75em;opacity:0.65"
_NOTICE_LOOK = (
    "margin:8px 0;padding:6px 12px;border-left:3px solid rgba(210,140,0,0.8);background-color:rgba(255,170,0,0.1)"
)
_FOLD_LOOK = "margin:8px 0 0;font-size:0.95em"
_SUMMARY_LOOK = "cursor:pointer;opacity:0.8"
_LEGEND = "A framed word is one control token. All else is text, also where it looks like one."


def prompt_html(data: Mapping[str, Any]) -> str:
    """Return a prompt as HTML: what it costs, why it is as it is, its parts, and the thinking that was left out."""
    headline, *facts = _facts(data)
    boxes = [
        f'<div style="margin:0 0 2px"><strong>{_safe(headline)}</strong></div>',
        *(f'<div style="{_LABEL_LOOK}" dir="auto">{_safe(fact)}</div>' for fact in [*facts, _LEGEND]),
        *(f'<div style="{_NOTICE_LOOK}" dir="auto">⚠ {_safe(notice)}</div>' for notice in _notices(data)),
        *(_box_html(data, role, parts) for role, parts in _runs(_shown_parts(data))),
        _dropped_html(data),
    ]
    inside = "\n".join(box for box in boxes if box)
    return f'<div class="{PROMPT_CLASSES}" style="{REPLY_LOOK}">\n{inside}\n</div>'


def prompt_text(data: Mapping[str, Any]) -> str:
    """Return a prompt as text for a terminal: control tokens behind ●, text behind │, so that none looks like one."""
    lines = [*_facts(data), *(f"⚠ {notice}" for notice in _notices(data))]
    for role, parts in _runs(_shown_parts(data)):
        lines += ["", f"{_role(role)[0]} ({_run_counted(parts, data)})"]
        for part in parts:
            lines += _part_lines(part, data)
    for thought in _dropped(data):
        lines += ["", f"{_left_out(thought)}:", *_quoted(str(thought.get("text")))]
    return plain("\n".join(lines))


def _facts(data: Mapping[str, Any]) -> list[str]:
    """Return what there is to say about the whole, the most important first."""
    total, context = _tokens(data).get("total") or 0, data.get("context")
    share = f", {total / context:.1%} of the {context:,} that the model can hold" if context else ""
    facts = [
        f"Prompt of {_counted(total, data)}{share}",
        f"Tokens: {_tokens(data).get('by') or 'an estimate'}",
        f"Format: {data.get('template')} · System prompt: {data.get('system') or 'none'}",
        str(data.get("why") or ""),
    ]
    dropped = _dropped(data)
    if dropped:
        tokens = sum(thought.get("tokens") or 0 for thought in dropped)
        replies = "one earlier reply" if len(dropped) == 1 else f"{len(dropped)} earlier replies"
        facts.append(f"Left out: the thinking of {replies}, about {_words(tokens)}")
    return [fact for fact in facts if fact]


def _runs(parts: Iterable[Mapping[str, Any]]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    return [(role, list(run)) for role, run in groupby(parts, key=lambda part: str(part.get("role") or ""))]


def _box_html(data: Mapping[str, Any], role: str, parts: Sequence[Mapping[str, Any]]) -> str:
    name, colour = _role(role)
    label = f"{escape(name)} · {_run_counted(parts, data)}"
    inside = "".join(_part_html(part, colour, data) for part in parts)
    look = _BOX_LOOK.format(colour)
    return f'<div style="{look}"><div style="{_LABEL_LOOK}">{label}</div><div>{inside}</div></div>'


def _part_html(part: Mapping[str, Any], colour: str, data: Mapping[str, Any]) -> str:
    tokens, text = part.get("tokens") or 0, _shortened(str(part.get("text")))
    is_control = part.get("kind") == "control"
    count = f'<small style="{_COUNT_LOOK}">{_number(tokens, data)}</small>' if not is_control or tokens > 1 else ""
    if is_control:
        look = _CHIP_LOOK.format(colour)
        return f'<span class="magistral-control" style="{look}" dir="ltr">{_safe(text)}</span>{count}'
    shown = text if text.strip() else text.replace("\n", "↵").replace(" ", "␣")  # else nothing would be seen
    return f'<span class="magistral-text" style="{_TEXT_LOOK}" dir="auto">{_safe(shown)}</span>{count}'


def _dropped_html(data: Mapping[str, Any]) -> str:
    return "\n".join(_fold_html(_left_out(thought), str(thought.get("text"))) for thought in _dropped(data))


def _fold_html(summary: str, text: str) -> str:
    return (
        f'<details style="{_FOLD_LOOK}"><summary style="{_SUMMARY_LOOK}">{_safe(summary)}</summary>\n'
        f'<div style="{_TEXT_LOOK};opacity:0.8" dir="auto">{_safe(_shortened(text))}</div></details>'
    )


def _part_lines(part: Mapping[str, Any], data: Mapping[str, Any]) -> list[str]:
    tokens, text = part.get("tokens") or 0, str(part.get("text"))
    if part.get("kind") == "control":
        return [f"● {text}{f' ({_counted(tokens, data)})' if tokens > 1 else ''}"]
    return _quoted(text)


def _quoted(text: str) -> list[str]:
    return [f"│ {line}" for line in _shortened(text).replace("\r\n", "\n").split("\n")]


def _left_out(thought: Mapping[str, Any]) -> str:
    return f"Left out: the thinking of message {thought.get('message')}, about {_words(thought.get('tokens') or 0)}"


def _shown_parts(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    parts = list(data.get("parts") or ())
    left_out = parts[MOST_PARTS // 2 : -MOST_PARTS // 2] if len(parts) > MOST_PARTS else []
    if not left_out:
        return parts
    gap = {"kind": "text", "role": "", "tokens": _total(left_out), "text": f"… {len(left_out):,} parts are not shown …"}
    return [*parts[: MOST_PARTS // 2], gap, *parts[-MOST_PARTS // 2 :]]


def _shortened(text: str) -> str:
    if len(text) <= MOST_CHARACTERS:
        return text
    half = MOST_CHARACTERS // 2
    return f"{text[:half]}\n… {len(text) - 2 * half:,} characters are not shown …\n{text[-half:]}"


def _role(role: str) -> tuple[str, str]:
    return _ROLES.get(role, (role, _ROLES[""][1]))


def _total(parts: Iterable[Mapping[str, Any]]) -> int:
    return sum(part.get("tokens") or 0 for part in parts)


def _counted(tokens: int, data: Mapping[str, Any]) -> str:
    return f"{'' if _tokens(data).get('exact') else 'about '}{_words(tokens)}"


def _run_counted(parts: Sequence[Mapping[str, Any]], data: Mapping[str, Any]) -> str:
    are_certain = all(part.get("kind") == "control" and part.get("tokens") == 1 for part in parts)
    return _words(len(parts)) if are_certain else _counted(_total(parts), data)


def _words(tokens: int) -> str:
    return f"{tokens:,} token{'' if tokens == 1 else 's'}"


def _number(tokens: int, data: Mapping[str, Any]) -> str:
    return f"{'' if _tokens(data).get('exact') else '≈'}{tokens:,}"


def _safe(text: str) -> str:
    return escape(plain(text))


def _tokens(data: Mapping[str, Any]) -> Mapping[str, Any]:
    tokens: Mapping[str, Any] = data.get("tokens") or {}
    return tokens


def _dropped(data: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    dropped: Sequence[Mapping[str, Any]] = data.get("dropped") or ()
    return dropped


def _notices(data: Mapping[str, Any]) -> Sequence[str]:
    notices: Sequence[str] = data.get("notices") or ()
    return notices
