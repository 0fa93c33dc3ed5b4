"""The token that ends a reply, where a server lets it stand as text: `</s>` at the very end is no word of the model."""

from __future__ import annotations

END = "</s>"
_QUOTING = frozenset(" \t`'\"“«(")


class TrailingToken:
    """Holds back what may be the last token; anywhere but at the very end, or behind a space, it is text.

    A model that quotes the token writes a space or a quotation mark before it; the token itself follows the last word.
    """

    def __init__(self) -> None:
        self._held = self._before = ""

    def feed(self, text: str) -> str:
        """Return the text that is certain by now."""
        text, self._held = self._held + text, ""
        for length in range(len(END), 0, -1):
            if text.endswith(END[:length]):
                text, self._held = text[:-length], text[-length:]
                break
        self._before = text[-1:] or self._before
        return text

    def close(self, last: str) -> str:
        """Return the text that is left, with `last` behind it."""
        held, self._held = self._held + last, ""
        return "" if held == END and self._before not in _QUOTING else held
