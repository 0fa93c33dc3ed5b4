"""The secrets that this process knows, and texts without them. Whatever is written or shown goes through `scrub`."""

from __future__ import annotations

import html
import json
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

REDACTED: Final = "<redacted>"
"""What stands in the place of a secret."""
SHORTEST: Final = 8
"""Shorter keys are taken for placeholders, such as "x" or "EMPTY": they are no secrets, and would garble the text."""
_MOST_OF_A_SECRET: Final = 5
"""A text may end with so many characters of a secret: "sk-pr" tells nothing yet."""


@dataclass(frozen=True, slots=True, repr=False)
class _Known:
    """All secrets, in every spelling, the longest first. `beginnings` finds their first two characters."""

    spellings: tuple[str, ...]
    pattern: re.Pattern[str]
    beginnings: re.Pattern[str]

    @classmethod
    def of(cls, spellings: set[str]) -> _Known:
        longest_first = sorted(spellings, key=len, reverse=True)
        first_two = sorted({(re.escape(spelling[0]), re.escape(spelling[1])) for spelling in spellings})
        return cls(
            tuple(longest_first),
            re.compile("|".join(map(re.escape, longest_first))),
            re.compile("|".join(rf"{first}(?:{second}|\Z)" for first, second in first_two)),
        )

    def beginning_in(self, text: str, start: int) -> int:
        """Return where the end of a text could be the beginning of a secret; its length if nowhere."""
        found = self.beginnings.search(text, max(start, len(text) - len(self.spellings[0]) + 1))
        while found:
            tail = text[found.start() :]
            if any(len(spelling) > len(tail) and spelling.startswith(tail) for spelling in self.spellings):
                return found.start()
            found = self.beginnings.search(text, found.start() + 1)
        return len(text)


_lock = threading.Lock()
_known: _Known | None = None


def register(secret: str) -> None:
    """Remember a secret for as long as the process lives, also as an address, a page and JSON would write it."""
    global _known
    if len(secret) < SHORTEST:
        return
    spelled = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], html.escape(secret)}
    with _lock:
        before = set(_known.spellings) if _known else set()
        if not spelled <= before:
            _known = _Known.of(before | spelled)


def scrub(text: str) -> str:
    """Return a text without the registered secrets.

    >>> register("sk-12345678")
    >>> scrub("Bearer sk-12345678")
    'Bearer <redacted>'
    """
    return _known.pattern.sub(REDACTED, text) if _known else text


def scrub_pieces(pieces: Sequence[str]) -> list[str]:
    """Return the pieces of a text without the registered secrets, one that is cut in two by a piece's end included.

    >>> register("sk-12345678")
    >>> scrub_pieces(["It is sk-123", "456", "78."])
    ['It is <redacted>', '', '.']
    """
    text = "".join(pieces)
    found = [match.span() for match in _known.pattern.finditer(text)] if _known else []
    if not found:
        return list(pieces)
    clean, begin = [], 0
    for piece in pieces:
        end = begin + len(piece)
        kept, at = "", begin
        for first, last in found:
            if last > begin and first < end:
                kept += text[at : max(first, at)] + (REDACTED if first >= begin else "")
                at = min(last, end)
        clean.append(kept + text[at:end])
        begin = end
    return clean


def scrub_page(page: str) -> str:
    """Return HTML without the registered secrets; what stands in their place is text there too."""
    return _known.pattern.sub(html.escape(REDACTED), page) if _known else page


def scrub_data(value: Any) -> Any:
    """Return plain data (dicts, lists, texts) without the registered secrets, in keys and in values."""
    match value:
        case str():
            return scrub(value)
        case Mapping():
            return {scrub_data(name): scrub_data(part) for name, part in value.items()}
        case list() | tuple():
            return [scrub_data(part) for part in value]
    return value


def holds_secret(text: str) -> bool:
    """Say whether a registered secret stands in a text."""
    return bool(_known and _known.pattern.search(text))


class StreamedText:
    """A text that comes in pieces, scrubbed as it comes: a secret may be cut anywhere.

    What could be the beginning of a secret is held back until the next piece, or the end, tells.
    """

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """Return what can be shown now; may be empty."""
        known = _known
        if known is None:
            return piece
        text = self._held + piece if self._held else piece
        held_from = known.beginning_in(text, 0)
        if len(text) < SHORTEST or known.pattern.search(text) is None:
            self._held = text[held_from:]
            return text[:held_from]
        shown, at = [], 0
        while True:
            held_from = known.beginning_in(text, at)
            found = known.pattern.search(text, at)
            if found is None or found.start() >= held_from:  # else a longer secret might still come of it
                break
            shown += [text[at : found.start()], REDACTED]
            at = found.end()
        self._held = text[held_from:]
        rest = text[at:held_from]
        return "".join([*shown, rest]) if shown else rest

    def end(self) -> str:
        """Return what was held back; the beginning of a secret is as little shown as the whole."""
        held, self._held = self._held, ""
        shown = scrub(held)
        return REDACTED if shown == held and len(held) > _MOST_OF_A_SECRET else shown
