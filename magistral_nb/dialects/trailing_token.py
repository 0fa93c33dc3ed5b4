"""The token that ends a reply, where a server lets it stand as text: `</s>` at the very end is no word of the model."""

from __future__ import annotations

END = "</s>"


class TrailingToken:
    """Holds back what may be the last token; anywhere but at the very end it is text."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """Return the text that is certain by now."""
        text, self._held = self._held + text, ""
        for length in range(len(END), 0, -1):
            if text.endswith(END[:length]):
                self._held = text[-length:]
                return text[:-length]
        return text

    def close(self, last: str) -> str:
        """Return the text that is left, with `last` behind it."""
        held, self._held = self._held + last, ""
        return "" if held == END else held
