"""A panel's conversation as a file, as the conversation itself writes it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from magistral_nb.conversations import Conversation
from magistral_nb.errors import ConfigurationError
from magistral_nb.scrubbing import scrub, scrub_page


class _Format(NamedTuple):
    filename: str
    mime: str
    text: Callable[[Conversation], str]


def export(conversation: Conversation, form: Any) -> dict[str, str]:
    """Return the file's name, its MIME type and its text. Raises ConfigurationError for an unknown format."""
    if form not in FORMATS:
        raise ConfigurationError(f"{str(form)[:20]!r} is no format.", hint=f"There are {', '.join(FORMATS)}.")
    made = FORMATS[form]
    return {"filename": made.filename, "mime": made.mime, "text": made.text(conversation)}


def _written(write: Callable[[Path], None], ending: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"conversation{ending}"
        write(path)
        return path.read_text("utf-8")


FORMATS: Mapping[str, _Format] = {
    "notebook": _Format(
        "conversation.ipynb", "application/x-ipynb+json", lambda talk: _written(talk.to_notebook, ".ipynb")
    ),
    "markdown": _Format("conversation.md", "text/markdown", lambda talk: scrub(talk.to_markdown())),
    "html": _Format("conversation.html", "text/html", lambda talk: scrub_page(talk.to_html())),
    "json": _Format("conversation.json", "application/json", lambda talk: _written(talk.save, ".json")),
}
