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


UNFINISHED = "unfinished: `%magistral recover` shows all that has arrived"
"""What stands in a notebook that is saved while a page draws the reply, below the end of what there was of it."""

TAIL_BYTES = 4096
"""So much of a reply is kept in a notebook that is saved meanwhile."""


def unfinished_text(thinking: str, answer: str) -> str:
    """Return the end of a reply so far, as written, and that it is not finished."""
    parts = [f"{name}…\n{text}" for name, text in (("Thinking", thinking), ("Answer", answer)) if text]
    written = plain("\n\n".join(parts))
    tail = written.encode("utf-8", "replace")[-TAIL_BYTES:].decode("utf-8", "ignore")
    above = len(written) - len(tail)
    return "\n".join(
        [*([f"… {above:,} characters above"] if above else []), *([f"{tail}\n"] if tail else []), UNFINISHED]
    )


def unfinished_html(reply_id: str, text: str = UNFINISHED, *, below_widget: bool = False) -> str:
    """Return the same as HTML. A page that draws the reply hides it."""
    inside = f'<div dir="auto" style="opacity:0.8;{_AS_WRITTEN}">{escape(text)}</div>'
    return so_far_html(reply_id, _reply(inside), below_widget=below_widget)


def so_far_html(shown_id: str, html: str, *, below_widget: bool = False) -> str:
    """Return HTML that stands for a reply or a panel only while nobody draws that: it is hidden by the class of its id.

    below_widget : it is an output below the widget's. Without its kernel that one holds nothing but JupyterLab's words
    "Loading widget" or "model not found", and is hidden; what a cell prints in between holds an element, and is not.
    Only a page that trusts the notebook shows widgets, and takes over styles.
    """
    name = f"magistral-so-far-{shown_id}"
    holds_words_only = ":has(> .lm-Panel.jp-OutputArea-output):not(:has(> .jp-OutputArea-output > *))"
    lost = f".jp-OutputArea-child{holds_words_only}:has(~ .jp-OutputArea-child .{name})"
    style = f"<style>{lost}{{display:none}}</style>" if below_widget else ""
    return f'<div class="{name}">{style}{html}</div>'


def _reply(inside: str) -> str:
    return f'<div class="{REPLY_CLASSES}" style="{REPLY_LOOK}">\n{inside}\n</div>'


def _tail(text: str, characters: int) -> str:
    above = max(0, len(text) - characters)
    cut = f"<div>… {above:,} characters above</div>" if above else ""
    return f'{cut}<div dir="auto" style="{_AS_WRITTEN}">{escape(plain(text[above:]))}</div>'
