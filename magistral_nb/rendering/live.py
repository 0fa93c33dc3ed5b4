"""A reply while it grows: small HTML that is cheap enough to be shown again five times a second."""

from __future__ import annotations

from html import escape

from magistral_nb.rendering import facts
from magistral_nb.rendering.markdown import markdown_html
from magistral_nb.rendering.reply import REPLY_CLASSES, REPLY_LOOK, SUMMARY_LOOK, THINKING_LOOK
from magistral_nb.rendering.text import plain

_END_IN_SIGHT = "display:flex;flex-direction:column-reverse"  # a box so laid out is scrolled to its end, with no script
_AS_WRITTEN = "white-space:pre-wrap;overflow-wrap:break-word"


def live_thinking_html(text: str, seconds: float, *, is_over: bool = False, tail_characters: int = 4000) -> str:
    """Return an open box with the end of the thinking so far, as written.

    `seconds` is how long it has gone on, or took: `is_over` once the answer has begun.
    """
    going_on = "Thinking…" + (f" {facts.duration(seconds, whole=True)}" if seconds >= 1 else "")
    heading = facts.thought({"thinking_seconds": seconds}) if is_over else going_on
    return _reply(
        f'<details class="magistral-thinking" style="margin:0 0 10px" open>'
        f'<summary style="{SUMMARY_LOOK}">{heading}</summary>\n'
        f'<div style="{THINKING_LOOK};{_END_IN_SIGHT}"><div>{_tail(text, tail_characters)}</div></div>\n</details>'
    )


def live_answer_html(text: str, *, tail_characters: int = 20_000) -> str:
    """Return the answer so far: formatted, or the end of it as written where formatting would cost too much."""
    whole = len(text) <= tail_characters
    return _reply(markdown_html(text) if whole else _tail(text, tail_characters))


UNFINISHED = "A reply was on its way here. If it does not come: %magistral recover shows what had arrived of it."
"""What stands in a notebook that is saved while a widget draws the reply."""


def unfinished_html() -> str:
    """Return a muted line for those who draw no widgets."""
    return _reply(f'<div style="opacity:0.8">{escape(UNFINISHED)}</div>')


def _reply(inside: str) -> str:
    return f'<div class="{REPLY_CLASSES}" style="{REPLY_LOOK}">\n{inside}\n</div>'


def _tail(text: str, characters: int) -> str:
    above = max(0, len(text) - characters)
    cut = f"<div>… {above:,} characters above</div>" if above else ""
    return f'{cut}<div dir="auto" style="{_AS_WRITTEN}">{escape(plain(text[above:]))}</div>'
