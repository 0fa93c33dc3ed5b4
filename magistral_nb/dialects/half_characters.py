"""Characters cut in two: servers that count in UTF-16 send the halves of an emoji in two chunks."""

from __future__ import annotations


class HalfCharacters:
    """Puts halves together, field by field; a half that stays alone becomes the replacement character."""

    def __init__(self) -> None:
        self._halves: dict[str, str] = {}

    def mend(self, field: str, text: str) -> str:
        """Return the text of a field with whole characters only; a half at its end waits for the next piece."""
        if text.isascii() and not self._halves:
            return text
        text = self._halves.pop(field, "") + text
        if text and "\ud800" <= text[-1] <= "\udbff":
            self._halves[field] = text[-1]
            text = text[:-1]
        return whole_characters(text)

    def close(self) -> dict[str, str]:
        """Return what the halves that still wait become, by field. No text may follow."""
        waiting, self._halves = self._halves, {}
        return {field: whole_characters(half) for field, half in waiting.items()}


def whole_characters(text: str) -> str:
    """Return a text that every file and every page can hold: halves put together, lone ones replaced."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
