"""A live reply drawn in the page itself: it hears each word once, and draws it there."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

from magistral_nb.notebook.control import Control
from magistral_nb.notebook.gathering import GATHERER, PER_REPLY
from magistral_nb.notebook.live import NotebookLive
from magistral_nb.notebook.patience import Patience
from magistral_nb.notebook.pictures import Bundle
from magistral_nb.notebook.telling import Telling
from magistral_nb.notebook.worker import Asking
from magistral_nb.rendering.live import UNFINISHED, unfinished_html
from magistral_nb.rendering.reply import REPLY_MIME
from magistral_nb.replies import Reply
from magistral_nb.settings import Timeouts

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"
ANSWER_WITHIN = 5.0
"""A page that has not said by then that it draws the reply gets the HTML view, in seconds."""

LONG = 2_000
"""From so many characters on, messages are fewer: around each of them the wire needs about 700 bytes."""
LONG_PAUSE = 0.1
"""The time between two messages of a long reply, in seconds. The page draws at most 15 times a second."""


class WidgetLive:
    """One display: the widget, and below it HTML for whoever draws no widgets. At the end it becomes the final picture.

    `is_sure` : never change to the HTML view, whether or not the page answers.
    """

    def __init__(
        self, control: Control, *, owns_output: bool, show_thinking: bool, limits: Timeouts, is_sure: bool
    ) -> None:
        self._control = control
        self._owns_output, self._show_thinking, self._limits = owns_output, show_thinking, limits
        self._is_sure = is_sure
        self._id = uuid4().hex
        self._patience = Patience(limits)
        self._telling = Telling()
        self._widget: Any = None
        self._handle: Any = None
        self._instead: NotebookLive | None = None
        self._asking: Asking | None = None
        self._began = time.monotonic()

    def look(self, asking: Asking) -> None:
        """Tell the page what is new, as often as the gatherer lets it."""
        if self._asking is None:
            self._asking = asking
            self._open(asking)
        if self._instead is None and self._is_unheard():
            self._change_to_html()
        if self._instead is not None:
            self._instead.look(asking)
            return
        telling = self._telling
        telling.take(asking.events)
        telling.say_patience(self._patience.look(asking.waiting, telling.characters))
        if telling.has_news() and GATHERER.may_send(self._id, pause=self._pause()):
            self._widget.send(telling.next_message())

    def finish(self, reply: Reply, picture: Bundle | None) -> None:
        """Put the final picture, or none, in the widget's place; the page is told first, so that Stop does no more."""
        self._control.remove(self._id)
        if self._instead is not None:
            self._instead.finish(reply, picture)
        elif self._asking is not None:
            self._telling.take(self._asking.events)
            self._widget.send(self._telling.last_message(reply))
            self._show_final(picture)
            self._widget.end(reply)
        elif picture is not None:
            self._display(picture)

    def _pause(self) -> float:
        return LONG_PAUSE if self._telling.characters > LONG else 1 / PER_REPLY

    def _open(self, asking: Asking) -> None:
        from magistral_nb.notebook.widgets import ReplyWidget, bring_bundle

        bring_bundle()
        self._widget = ReplyWidget(self._telling.snapshot, reply_id=self._id, show_thinking=self._show_thinking)
        self._control.add(self._id, {"stop": asking.stop_for_reader, "whole": self._telling.tell_whole})
        view = {"version_major": 2, "version_minor": 0, "model_id": self._widget.model_id}
        self._handle = self._display({WIDGET_MIME: view, "text/html": unfinished_html(), "text/plain": UNFINISHED})

    def _display(self, bundle: Bundle) -> Any:
        from IPython.display import display

        return display(bundle, raw=True, display_id=True, metadata={REPLY_MIME: {"id": self._id}})

    def _is_unheard(self) -> bool:
        if self._is_sure or self._control.was_heard:
            return False
        return time.monotonic() - self._began > ANSWER_WITHIN

    def _change_to_html(self) -> None:
        self._control.is_deaf = True
        self._handle.update({"text/plain": ""}, raw=True)
        self._widget.close()
        self._instead = NotebookLive(
            owns_output=self._owns_output, show_thinking=self._show_thinking, limits=self._limits
        )

    def _show_final(self, picture: Bundle | None) -> None:
        from IPython.display import clear_output

        if picture is None and self._owns_output:
            clear_output()
        else:
            metadata = {REPLY_MIME: {"id": self._id}}
            self._handle.update(picture or {"text/plain": ""}, raw=True, metadata=metadata)
