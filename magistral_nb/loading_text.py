"""What `chat` prints while a model of this process is loading: its events are seen by nobody else."""

from __future__ import annotations

import sys

from magistral_nb.events import Event, Waiting


class LoadingText:
    """Prints what there is to read while waiting, each text once, to standard error."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def hear(self, event: Event) -> None:
        """Print an event's text, if it is one of waiting and says something new."""
        if isinstance(event, Waiting) and event.text and event.text not in self._told:
            self._told.add(event.text)
            print(event.text, file=sys.stderr, flush=True)  # noqa: T201  it is there to be read before the reply
