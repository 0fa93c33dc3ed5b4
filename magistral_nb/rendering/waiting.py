"""What stands where a reply will come: the first thing a reader sees, while nothing has arrived."""

from __future__ import annotations

from html import escape

from magistral_nb.rendering import facts
from magistral_nb.rendering.reply import REPLY_CLASSES, REPLY_LOOK
from magistral_nb.rendering.text import plain

_WORDS = {
    "connecting": "Asking {model} at {endpoint}…",
    "loading": "Loading {model}…",
    "retry": "{endpoint} did not answer; asking again…",
    "thinking": "{model} is thinking…",
}


def waiting_html(
    why: str,
    seconds: float,
    *,
    model: str,
    endpoint: str,
    text: str = "",
    progress: float | None = None,
    patience: str = "",
) -> str:
    """Return a muted line that says what is waited for, and below it what there is to read meanwhile.

    `seconds` is how long already, shown from the first on; `progress` goes from 0 to 1; `patience` says how this ends.
    """
    words = _WORDS.get(why, "Waiting for {model}…").format(
        model=model or "the model", endpoint=endpoint or "the server"
    )
    done = f" {progress:.0%}" if progress is not None else ""
    spent = f" {facts.duration(seconds, whole=True)}" if seconds >= 1 else ""
    below = "".join(f"<br>{escape(plain(line))}" for line in [*text.splitlines(), *([patience] if patience else [])])
    line = f'<div role="status" style="opacity:0.8">{escape(plain(words))}{done}{spent}{below}</div>'
    return f'<div class="{REPLY_CLASSES}" style="{REPLY_LOOK}">{line}</div>'


def silence_html(words: str) -> str:
    """Return a muted line that stands below a reply that has stopped moving."""
    return f'<div class="{REPLY_CLASSES}" style="{REPLY_LOOK};opacity:0.8" role="status">{escape(plain(words))}</div>'
