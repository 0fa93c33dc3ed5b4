"""JSON in what a model said: alone, in a code block, or with prose around it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from magistral_nb.rendering.code_blocks import code_blocks

MOST_STARTS = 64
"""So many brackets are tried in a text: one that is full of them must not take long."""
_BRACKET = re.compile(r"[{\[]")


def json_texts(text: str) -> list[str]:
    """Return the pieces of a text that are JSON, the likeliest first: all of it, its code blocks, what stands in prose.

    >>> json_texts('Here you are: {"a": 1}. Anything else?')
    ['{"a": 1}']
    """
    return list(dict.fromkeys(_candidates(text)))


def _candidates(text: str) -> Iterator[str]:
    whole = text.strip()
    if _is_json(whole):
        yield whole
        return
    yield from (block.strip() for block in code_blocks(text) if _is_json(block))
    yield from _in_prose(text)


def _in_prose(text: str) -> Iterator[str]:
    decoder = json.JSONDecoder()
    start = 0
    for _ in range(MOST_STARTS):
        bracket = _BRACKET.search(text, start)
        if bracket is None:
            return
        try:
            _, end = decoder.raw_decode(text, bracket.start())
            yield text[bracket.start() : end]
        except (ValueError, RecursionError):
            end = bracket.start() + 1
        start = end


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
