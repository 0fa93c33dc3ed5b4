"""The secrets that this process knows, and texts without them. Whatever is written or shown goes through `scrub`."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

REDACTED: Final = "<redacted>"
"""What stands in the place of a secret."""
SHORTEST: Final = 8
"""Shorter keys are taken for placeholders, such as "x" or "EMPTY": they are no secrets, and would garble the text."""

_lock = threading.Lock()
_spellings: set[str] = set()
_pattern: re.Pattern[str] | None = None


def register(secret: str) -> None:
    """Remember a secret for as long as the process lives, also as an address and as JSON would write it."""
    global _pattern
    if len(secret) < SHORTEST:
        return
    spelled = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}
    with _lock:
        if not spelled <= _spellings:
            _spellings.update(spelled)
            longest_first = sorted(_spellings, key=len, reverse=True)
            _pattern = re.compile("|".join(map(re.escape, longest_first)))


def scrub(text: str) -> str:
    """Return a text without the registered secrets.

    >>> register("sk-12345678")
    >>> scrub("Bearer sk-12345678")
    'Bearer <redacted>'
    """
    return _pattern.sub(REDACTED, text) if _pattern else text


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
