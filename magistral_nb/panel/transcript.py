"""What a notebook keeps of a panel: the text of its conversation, which reads anywhere, with no kernel and no script.

The display is renewed after a turn, and now and then while a reply comes in. A page in which the labextension draws
the panel keeps what it has drawn; any other page draws a widget anew when its display is renewed, and whoever writes
in it loses what he wrote. There the text is a display of its own, which the page hides.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from magistral_nb._version import __version__
from magistral_nb.conversations import Conversation
from magistral_nb.conversations.showing import shown_turns
from magistral_nb.panel.wire import Data, beside_wire
from magistral_nb.rendering.conversation import conversation_html
from magistral_nb.rendering.live import so_far_html
from magistral_nb.rendering.text import plain, whole
from magistral_nb.scrubbing import scrub, scrub_page

PANEL_MIME = "application/vnd.magistral.panel.v1+json"
WIDGET_MIME = "application/vnd.jupyter.widget-view+json"
PAUSE = 5.0
"""The least time between two renewals while a reply comes in, in seconds."""
AFTER_TURN = 0.5
"""The least time from a renewal to the next if a turn has ended meanwhile."""
SMALL = 64 * 1024
"""Up to so many characters a transcript is renewed that often; a longer one less often, as its length says."""
LONGEST_PAUSE = 60.0
KEPT = 3
"""So many displays of one panel are renewed, the newest: where a cell was run again the older ones are gone."""
_BELOW = "-below"


class Transcript:
    """The displays of one panel. turns : the finished turns as the page hears of them, and the one that comes in."""

    def __init__(
        self,
        panel_id: str,
        comm: str,
        conversation: Conversation,
        turns: Callable[[], tuple[list[Data], Data | None]],
        settings: Callable[[], Data],
    ) -> None:
        self._id, self._comm, self._conversation = panel_id, comm, conversation
        self._turns, self._settings = turns, settings
        self._is_followed = self._is_closed = False
        self._shown: deque[str] = deque(maxlen=KEPT)
        self._others: deque[Callable[[], None]] = deque(maxlen=KEPT)
        self._lock = threading.Lock()
        self._last = self._next_in_stream = 0.0
        self._size = 0
        self._timer: threading.Timer | None = None

    def follow(self) -> None:
        """Take note that the page keeps what it draws when the display is renewed: one display is enough."""
        if self._is_followed:
            return
        self._is_followed = True
        self._update_below(self._below())
        self.renew()

    def bundle(self, *, with_widget: bool) -> Data:
        """Return the MIME bundle of the panel."""
        turns, live = self._turns()
        html, text = self._html(live), self._text(turns, live)
        talk = self._conversation
        stored: Data = {"version": __version__, "panel_id": self._id, "turns": [*turns, *_unfinished(live)]}
        stored |= {"beside": beside_wire(talk), "head": talk.tree.head, "settings": self._settings()}
        bundle: Data = {PANEL_MIME: whole(stored), "text/html": html, "text/plain": text}
        if with_widget:
            bundle[WIDGET_MIME] = {"version_major": 2, "version_minor": 0, "model_id": self._comm}
        return bundle

    def metadata(self) -> Data:
        """Return the metadata of the display: where a page finds the panel while its kernel lives."""
        live = {} if self._is_closed else {"live": {"version": __version__, "comm": self._comm}}
        return {PANEL_MIME: {"id": self._id, **live}}

    def show(self) -> None:
        """Display the panel, and what others read."""
        needs_widget = not self._is_closed and not self._is_followed
        bundle = self.bundle(with_widget=needs_widget)
        if needs_widget:
            bundle["text/html"] = so_far_html(self._id, "The chat is below.")
        # Each display has a name of its own: one that is shown twice would be drawn anew in both places.
        name = uuid4().hex
        self._shown.append(name)
        display_bundle(bundle, name, self.metadata())
        if not self._is_closed:
            display_bundle(self._below(), name + _BELOW)

    def also_renew(self, renew: Callable[[], None]) -> None:
        """Call a function whenever the displays of the panel are renewed: it keeps one of its own."""
        self._others.append(renew)

    def so_far(self) -> Data | None:
        """Return what was said as an output below the widget's; None where nothing was."""
        turns, live = self._turns()
        if not (turns or live):
            return None
        html = so_far_html(self._id, self._html(live), below_widget=not self._is_closed)
        return {"text/html": html, "text/plain": self._text(turns, live)}

    def expect(self) -> None:
        """Take note that a reply begins: most are over before their beginning is worth keeping."""
        self._next_in_stream = time.monotonic() + PAUSE

    def renew_in_stream(self) -> None:
        """Keep what there is of the reply that comes in, if that is due."""
        if time.monotonic() >= max(self._due(PAUSE), self._next_in_stream):
            self.renew()

    def renew(self) -> None:
        """Keep what was said; if that is not due yet, as soon as it is."""
        if not (self._shown or self._others):
            return
        with self._lock:
            wait = self._due(AFTER_TURN) - time.monotonic()
            if wait > 0:
                if self._timer is None and not self._is_closed:
                    self._timer = threading.Timer(wait, self._renew_late)
                    self._timer.daemon = True
                    self._timer.start()
                return
            self._size = self._renew()
            if any(self._turns()):  # before that the first turn need not wait
                self._last = time.monotonic()

    def close(self) -> None:
        """Leave the transcript where the panel stood."""
        with self._lock:
            self._is_closed = self._is_followed = True
            if self._timer is not None:
                self._timer.cancel()
        self._renew()
        self._update_below({"text/plain": ""})

    def _due(self, pause: float) -> float:
        return self._last + min(LONGEST_PAUSE, pause * max(1.0, self._size / SMALL)) if self._last else 0.0

    def _renew_late(self) -> None:
        with self._lock:
            self._timer = None
            if self._is_closed:
                return
        self.renew()

    def _renew(self) -> int:
        if self._is_followed:
            # No widget in it: without its kernel it would be "model not found".
            bundle = self.bundle(with_widget=False)
            for name in tuple(self._shown):
                display_bundle(bundle, name, self.metadata(), update=True)
        else:
            bundle = self._below()
            self._update_below(bundle)
        for renew in tuple(self._others):
            renew()
        return len(bundle["text/plain"])

    def _update_below(self, bundle: Data) -> None:
        for name in tuple(self._shown):
            display_bundle(bundle, name + _BELOW, update=True)

    def _below(self) -> Data:
        return {"text/plain": ""} if self._is_followed else self.so_far() or {"text/plain": ""}

    def _html(self, live: Data | None) -> str:
        coming = [_shown(turn) for turn in _unfinished(live)]
        return scrub_page(conversation_html([*shown_turns(self._conversation), *coming]))

    def _text(self, turns: list[Data], live: Data | None) -> str:
        told = [f"You: {turn['text']}\n\nModel: {_answer(turn)}" for turn in [*turns, *_unfinished(live)]]
        return scrub(plain("\n\n".join(told))) or "A chat with a model. Nothing has been said yet."


def _answer(turn: Data) -> str:
    error = turn["error"]
    said = (turn["reply"] or {}).get("answer") or ""
    return "\n".join(part for part in (said, f"[{error['message']}]" if error else "") if part)


def _unfinished(live: Data | None) -> list[Data]:
    """Return the turn that is coming in, as it stands."""
    if live is None:
        return []
    turn = {"id": None, "parent": None, "text": live["text"], "reply": live["reply"], "error": None}
    return [turn | {"state": "interrupted", "branch": {"at": 1, "of": 1}, "can_continue": False}]


def _shown(turn: Data) -> Data:
    """Return a turn as `rendering` draws it."""
    return {"asked": [["user", turn["text"]]], "reply": turn["reply"], "mark": "unfinished", "branch": ""}


def display_bundle(bundle: Data, display_id: str, metadata: Any = None, *, update: bool = False) -> None:
    """Display a MIME bundle, or renew the display of that name."""
    from IPython.display import display

    display(bundle, raw=True, display_id=display_id, metadata=metadata or {}, update=update)
