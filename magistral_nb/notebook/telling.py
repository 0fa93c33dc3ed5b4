"""What a live reply tells its page: the messages of `js/README.md`, made from the events as they come."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from magistral_nb.events import AnswerDelta, Done, Event, Reclassified, ThinkingDelta
from magistral_nb.rendering.text import whole
from magistral_nb.replies import Reply

Message = dict[str, Any]


class Telling:
    """Knows what a page was told so far. One thread tells; another may ask for the `snapshot` meanwhile.

    begun : a reply that goes on, which the page has already.
    """

    def __init__(self, begun: Reply | None = None) -> None:
        self.characters = 0
        self._reply = Reply.from_dict(begun.to_dict()) if begun else Reply()
        self._lock = threading.Lock()
        self.is_over = False
        self._told = 0
        self._at = 0.0
        self._pending: list[Event] = []
        self._patience = self._told_patience = ""
        self._needs_whole = False

    def take(self, events: Sequence[Event]) -> None:
        """Take in the events that are new since the last time."""
        for event in events:
            self._add(event)

    def say_patience(self, text: str) -> None:
        """Say how a silence will end, or nothing more of it."""
        self._patience = text

    def tell_whole(self) -> None:
        """Tell the whole reply next: a page has missed something, or would put it together in another way."""
        self._needs_whole = True

    @property
    def is_wrong(self) -> bool:
        """Whether a page that puts the events together gets another reply than ours."""
        return self._needs_whole

    def has_events(self) -> bool:
        """Tell whether something has come that was not told."""
        return bool(self._pending)

    def has_news(self) -> bool:
        """Tell whether there is something to say."""
        return self._needs_whole or bool(self._pending) or self._patience != self._told_patience

    def next_message(self) -> Message:
        """Return what is to be said now."""
        if self._needs_whole:
            self._needs_whole = False
            reply, seen = self.snapshot()
            return {"type": "reply", "seq": seen, "reply": reply, "live": True}
        if self._pending:
            return self._tell_events()
        self._told_patience = self._patience
        return {"type": "patience", "text": self._patience}

    def snapshot(self) -> tuple[Message, int]:
        """Return the reply as far as it was told, and how many events that were."""
        with self._lock:
            return self._reply.to_dict() | {"seconds": self._at}, self._told

    def last_message(self, reply: Reply) -> Message:
        """Return what is left to say, and that the reply is over, however it ended."""
        if not self.is_over:
            self._pending.append(Done(reply.finish_reason, at=max(self._at, reply.seconds)))
        return self._tell_events()

    def _add(self, event: Event) -> None:
        self.is_over |= isinstance(event, Done)
        if isinstance(event, ThinkingDelta | AnswerDelta):
            self.characters += len(event.text)
            # The first of several stays by itself: its time says when the thinking began, or ended.
            before = self._pending[-2:]
            if len(before) == 2 and all(type(one) is type(event) for one in before):
                self._pending[-1] = replace(event, text=getattr(before[-1], "text", "") + event.text)
                return
        self._pending.append(event)

    def _tell_events(self) -> Message:
        with self._lock:
            pending, self._pending = self._pending, []
            first = self._told
            for event in pending:
                self._reply.add(event)
                self._at = max(self._at, event.at)
            self._told += len(pending)
        self._told_patience = ""
        # A secret whose halves meet is taken out here; the page knows no secrets.
        self._needs_whole |= any(isinstance(event, Reclassified) for event in pending)
        return {"type": "events", "seq": first, "events": whole([event.to_dict() for event in pending])}
