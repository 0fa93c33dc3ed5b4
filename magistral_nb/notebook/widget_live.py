"""A live reply drawn in the page itself: it hears each word once, and draws it there."""

from __future__ import annotations

import sys
import time
from typing import Any
from uuid import uuid4

from magistral_nb.notebook.control import FOLLOW, Control
from magistral_nb.notebook.gathering import GATHERER, PER_REPLY
from magistral_nb.notebook.live import NotebookLive
from magistral_nb.notebook.patience import Patience
from magistral_nb.notebook.pictures import Bundle
from magistral_nb.notebook.telling import Message, Telling
from magistral_nb.notebook.unfinished import Unfinished
from magistral_nb.notebook.worker import Asking
from magistral_nb.rendering.text import whole
from magistral_nb.replies import Reply
from magistral_nb.settings import Timeouts

ANSWER_WITHIN = 5.0
"""A page that has not said by then that it draws the reply gets the HTML view, in seconds."""

LONG = 2_000
"""From so many characters on, messages are fewer: around each of them the wire needs about 700 bytes."""
LONG_PAUSE = 0.1
"""The time between two messages of a long reply, in seconds. The page draws at most 15 times a second."""


class WidgetLive:
    """One display that the page draws, and what a notebook keeps that is saved meanwhile. It becomes the final picture.

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
        self._display: Unfinished | None = None
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
        news = asking.news()
        if self._instead is not None:
            self._instead.look(asking)
            return
        telling = self._telling
        telling.take(news)
        telling.say_patience(self._patience.look(asking.waiting, telling.characters))
        if telling.has_news() and GATHERER.may_send(self._id, pause=self._pause()):
            self._widget.send(telling.next_message())
        if self._display is not None:
            self._display.renew(asking.reply)

    def finish(self, reply: Reply, picture: Bundle | None) -> None:
        """Put the final picture, or none, in the widget's place; the page is told first, so that Stop does no more."""
        from IPython.display import display

        if self._asking is not None:
            self._telling.take(self._asking.news())
        last = self._telling.last_message(reply)
        self._control.end(self._id, self._told_at_the_end(reply, picture))
        if self._instead is not None:
            self._instead.finish(reply, picture)
        elif self._display is not None:
            self._widget.send(last)
            self._display.replace(picture)
            self._widget.end(reply)
        elif picture is not None:
            display(picture, raw=True)

    def _pause(self) -> float:
        return LONG_PAUSE if self._telling.characters > LONG else 1 / PER_REPLY

    def _open(self, asking: Asking) -> None:
        from magistral_nb.notebook.widgets import ReplyWidget, bring_bundle

        bring_bundle()
        self._widget = ReplyWidget(self._telling.snapshot, reply_id=self._id, show_thinking=self._show_thinking)
        self._display = display = Unfinished(
            self._id, self._widget.model_id, owns_output=self._owns_output, show_thinking=self._show_thinking
        )
        hears = {"stop": asking.stop_for_reader, "whole": self._telling.tell_whole, FOLLOW: display.is_followed}
        self._control.add(self._id, hears, self._told_now)
        display.show()

    def _told_now(self) -> Message:
        reply, seen = self._telling.snapshot()
        return {"type": "reply", "seq": seen, "reply": whole(reply), "live": True}

    def _told_at_the_end(self, reply: Reply, picture: Bundle | None) -> Message:
        seen = self._telling.snapshot()[1]
        told = {"type": "reply", "seq": seen, "reply": whole(reply.to_dict()), "live": False}
        return told | {"picture": picture or {"text/plain": ""}}

    def _is_unheard(self) -> bool:
        if self._is_sure or self._control.was_heard:
            return False
        return time.monotonic() - self._began > ANSWER_WITHIN

    def _change_to_html(self) -> None:
        self._control.is_deaf = True
        if self._display is not None:
            self._display.replace({"text/plain": ""})
        self._widget.close()
        self._instead = NotebookLive(
            owns_output=self._owns_output, show_thinking=self._show_thinking, limits=self._limits
        )


def close_widgets() -> None:
    """Close the widgets that outlast their replies, if any was ever made."""
    widgets = sys.modules.get("magistral_nb.notebook.widgets")
    if widgets is not None:
        widgets.close_all()
