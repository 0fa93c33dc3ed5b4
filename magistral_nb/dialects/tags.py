"""The tags that models write around a thought, and how to find them in text that may be cut anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class TagPair:
    """How a thought begins and ends in text."""

    opening: str
    closing: str


TAG_PAIRS = (TagPair("[THINK]", "[/THINK]"), TagPair("<think>", "</think>"))
"""Control tokens of 2507 and 2509; plain text of 2506."""
OPENINGS = tuple(pair.opening for pair in TAG_PAIRS)
CLOSINGS = tuple(pair.closing for pair in TAG_PAIRS)
_LONGEST = max(map(len, CLOSINGS))
_FIRST_CHARACTERS = "[<"
MOST_SPACE = 4096
"""How much white space may belong to a tag, in characters; no model writes more, and holding it back must end."""


class Kind(Enum):
    """What a piece of text turned out to be. RECLASSIFIED has no text: it changes the kind of all before it."""

    THINKING = "thinking"
    ANSWER = "answer"
    RECLASSIFIED = "reclassified"


Piece = tuple[Kind, str]


def first_tag(text: str, tags: tuple[str, ...]) -> tuple[int, str]:
    """Return where the first of the tags begins, and which it is; ("" at the end, where there is none)."""
    found = [(where, tag) for tag in tags if (where := text.find(tag)) >= 0]
    return min(found) if found else (len(text), "")


def certain_length(text: str, tags: tuple[str, ...]) -> int:
    """Return the length of what cannot belong to a tag: without half a tag at the end, and white space before it."""
    tail = text[-_LONGEST:]
    for offset, character in enumerate(tail, len(text) - len(tail)):
        if character in _FIRST_CHARACTERS and any(tag.startswith(text[offset:]) for tag in tags):
            return _without_space(text, offset)
    return _without_space(text, len(text))


def _without_space(text: str, end: int) -> int:
    return max(len(text[:end].rstrip()), end - MOST_SPACE)
