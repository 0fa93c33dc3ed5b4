"""The events of one reply without the secrets that this process knows, wherever a server or a model repeats one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from magistral_nb.events import AnswerDelta, Event, Notice, ThinkingDelta, Waiting
from magistral_nb.scrubbing import StreamedText, scrub_data

Delta = type[ThinkingDelta] | type[AnswerDelta]


class ScrubbedEvents:
    """Takes secrets out of events as they pass, also those that are cut by the border between two of them.

    Thinking and answer are two texts. A notice or a wait may stand between two halves of a word, so it ends neither;
    whatever else comes ends both.
    """

    def __init__(self) -> None:
        self._texts: Mapping[Delta, StreamedText] = {ThinkingDelta: StreamedText(), AnswerDelta: StreamedText()}

    def take(self, events: Iterable[Event]) -> list[Event]:
        """Return the events as they may be shown."""
        shown: list[Event] = []
        for event in events:
            if isinstance(event, ThinkingDelta | AnswerDelta):
                text = self._texts[type(event)].feed(event.text)
                if text == event.text:
                    shown.append(event)
                elif text:
                    shown.append(type(event)(text, event.at))
                continue
            if not isinstance(event, Notice | Waiting):
                shown += self.end(event.at)
            shown.append(_scrubbed(event))
        return shown

    def end(self, at: float) -> list[Event]:
        """Return what was held back, and begin anew."""
        return [kind(text, at) for kind, streamed in self._texts.items() if (text := streamed.end())]


def _scrubbed(event: Event) -> Event:
    kind: Any = type(event)
    shown: Event = kind(**{field.name: scrub_data(getattr(event, field.name)) for field in fields(event)})
    return shown
