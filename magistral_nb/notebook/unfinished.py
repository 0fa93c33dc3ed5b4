"""The display of a reply that a page draws itself, and what a notebook keeps that is saved before the reply has ended.

The kernel may die after that. So the end of the text is stored again every few seconds, where the page that draws the
reply shows nothing of it.
"""

from __future__ import annotations

import time
from typing import Any

from magistral_nb import __version__
from magistral_nb.notebook.pictures import Bundle
from magistral_nb.rendering.live import UNFINISHED, unfinished_html, unfinished_text
from magistral_nb.rendering.reply import REPLY_MIME
from magistral_nb.replies import Reply
from magistral_nb.scrubbing import scrub, scrub_page

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"
RENEW_AFTER = 5.0
"""The time between two such renewals, in seconds."""


class Unfinished:
    """One display. comm : the id of the widget's comm, on which the page hears the reply."""

    def __init__(self, reply_id: str, comm: str, *, owns_output: bool, show_thinking: bool) -> None:
        self._id = reply_id
        self._live = {"version": __version__, "comm": comm, "show_thinking": show_thinking}
        self._owns_output, self._show_thinking = owns_output, show_thinking
        self._was_followed = False
        self._handle: Any = None
        self._below: Any = None
        self._kept = ("", "")
        self._next = time.monotonic() + RENEW_AFTER

    def is_followed(self) -> None:
        """Take note that a page draws the stored form itself, and draws nothing anew when that is renewed."""
        self._was_followed = True

    def show(self) -> None:
        """Show the widget, and a line for whoever draws none."""
        widget = {"version_major": 2, "version_minor": 0, "model_id": self._live["comm"]}
        others = {"text/html": unfinished_html(self._id), "text/plain": UNFINISHED}
        self._handle = _display(
            {WIDGET_MIME: widget, REPLY_MIME: Reply().to_dict(), **others}, self._metadata(live=True)
        )

    def renew(self, reply: Reply) -> None:
        """Keep the end of what there is of the reply, if that is due and there is more of it than before."""
        now = time.monotonic()
        if now < self._next:
            return
        texts = (reply.thinking if self._show_thinking else "", reply.answer)
        if texts == self._kept:
            return
        self._kept, self._next = texts, now + RENEW_AFTER
        text = scrub(unfinished_text(*texts))
        if self._was_followed:
            # No widget in it: without its kernel it would be "model not found".
            stored = reply.to_dict() | {"thinking": "", "answer": "", "tool_calls": [], "parsed": None}
            self._handle.update({REPLY_MIME: stored, "text/plain": text}, raw=True, metadata=self._metadata(live=True))
        else:
            # An update of its display would draw the widget anew, so this is a display of its own. The page hides it.
            html = scrub_page(unfinished_html(self._id, text, below_widget=True))
            self._keep_below({"text/html": html, "text/plain": UNFINISHED})

    def replace(self, picture: Bundle | None) -> None:
        """Put the final picture, or none, in its place."""
        from IPython.display import clear_output

        if self._owns_output and (self._below is not None or picture is None):
            clear_output(wait=picture is not None)
            if picture is not None:
                _display(picture, self._metadata(live=False))
            return
        self._handle.update(picture or {"text/plain": ""}, raw=True, metadata=self._metadata(live=False))
        if self._below is not None:
            self._below.update({"text/plain": ""}, raw=True)

    def _keep_below(self, bundle: Bundle) -> None:
        if self._below is None:
            self._below = _display(bundle, {})
        else:
            self._below.update(bundle, raw=True)

    def _metadata(self, *, live: bool) -> dict[str, Any]:
        return {REPLY_MIME: {"id": self._id} | ({"live": self._live} if live else {})}


def _display(bundle: Bundle, metadata: dict[str, Any]) -> Any:
    from IPython.display import display

    return display(bundle, raw=True, display_id=True, metadata=metadata)
