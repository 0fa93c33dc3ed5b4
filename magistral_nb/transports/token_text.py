"""Token ids become text as they come: no half characters, and nothing from a stop string on. Knows no engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

HALF = "\N{REPLACEMENT CHARACTER}"
"""What a tokenizer makes of bytes that are no character yet."""


class TokenText:
    """Gives the text of each token of a reply, held back until its characters are whole.

    decode : the tokenizer's own; it must keep every token, and tidy nothing up.
    """

    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self._decode = decode
        self._before: list[int] = []
        self._held: list[int] = []

    def feed(self, token: int) -> str:
        """Read one token; return the text that is complete now, maybe none."""
        self._held.append(token)
        text = self._new_text()
        if text.endswith(HALF):
            return ""
        self._before, self._held = self._held, []
        return text

    def flush(self, behind: int | None = None) -> str:
        """Return what is held back, with a mark in place of what never became a character.

        `behind` is a token that is told otherwise, and behind which the text goes on.
        """
        text = self._new_text() if self._held else ""
        self._before, self._held = [] if behind is None else [behind], []
        return text

    def _new_text(self) -> str:
        # Decoded behind the tokens before it: some tokenizers drop the space of a token that comes first.
        known = self._decode(self._before) if self._before else ""
        return self._decode(self._before + self._held)[len(known) :]


class StopStrings:
    """Lets text through up to the first stop string, wherever the text is cut."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = [stop for stop in stops if stop]
        self._held = ""
        self.found = False

    def feed(self, text: str) -> str:
        """Read a piece; return what is certain to come before any stop string. After one has been found, nothing."""
        if self.found or not self._stops:
            return "" if self.found else text
        text = self._held + text
        places = [place for stop in self._stops if (place := text.find(stop)) >= 0]
        if places:
            self.found, self._held = True, ""
            return text[: min(places)]
        kept = max(_beginning_at_the_end(text, stop) for stop in self._stops)
        self._held = text[len(text) - kept :]
        return text[: len(text) - kept]

    def flush(self) -> str:
        """Return what was held back because a stop string might have begun."""
        text, self._held = self._held, ""
        return text


def _beginning_at_the_end(text: str, stop: str) -> int:
    """Return how many characters at the end of the text may be the beginning of a stop string."""
    longest = min(len(text), len(stop) - 1)
    return next((size for size in range(longest, 0, -1) if stop.startswith(text[-size:])), 0)
