"""Panels within other widgets, such as an HBox: what a notebook keeps of them stands below the whole.

IPython shows such a box by itself, and would keep nothing but a name that is lost with the kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import uuid4

from ipywidgets import Box

from magistral_nb.panel.transcript import Transcript, display_bundle
from magistral_nb.panel.wire import Data

OWN_WAY = "_ipython_display_"


def keep_panels_in_boxes(shell: Any, transcript_of: Callable[[object], Transcript | None]) -> None:
    """Let a shell show what is said in the panels of a box below it, too."""
    formatter = shell.display_formatter.ipython_display_formatter
    if Box in formatter.type_printers:
        return

    def show(box: Box) -> None:
        found = list(dict.fromkeys(_within(box, transcript_of)))
        own_way = getattr(box, OWN_WAY, None)
        if own_way is not None:
            own_way()
        elif found:
            display_bundle(box._repr_mimebundle_(), uuid4().hex)
        else:
            raise NotImplementedError  # so IPython shows it as it shows every box
        if found:
            Below(found).show()

    formatter.for_type(Box, show)


def _within(box: Any, transcript_of: Callable[[object], Transcript | None]) -> Iterator[Transcript]:
    for child in box.children:
        transcript = transcript_of(child)
        if transcript is not None:
            yield transcript
        elif isinstance(child, Box):
            yield from _within(child, transcript_of)


class Below:
    """A display of what was said in some panels, which a page hides that draws them."""

    def __init__(self, transcripts: Sequence[Transcript]) -> None:
        self._transcripts = transcripts
        self._name = uuid4().hex

    def show(self) -> None:
        """Display it, and renew it with the panels."""
        display_bundle(self._bundle(), self._name)
        for one in self._transcripts:
            one.also_renew(self.renew)

    def renew(self) -> None:
        """Show what has been said by now."""
        display_bundle(self._bundle(), self._name, update=True)

    def _bundle(self) -> Data:
        parts = [part for one in self._transcripts if (part := one.so_far())]
        if not parts:
            return {"text/plain": ""}
        return {kind: "\n\n".join(part[kind] for part in parts) for kind in ("text/html", "text/plain")}
