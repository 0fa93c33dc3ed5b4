"""How servers spell thinking, both ways: messages to a request body, chunks to events. Knows no network."""

from __future__ import annotations

from magistral_nb.dialects.decoder import Decoder
from magistral_nb.dialects.heard import text_of
from magistral_nb.dialects.spelling import (
    PLAIN,
    Dialect,
    KeepThinking,
    ends_in_thought,
    keep,
    prefill_fields,
    spell_messages,
    why_not_continued,
)

__all__ = [
    "PLAIN",
    "Decoder",
    "Dialect",
    "KeepThinking",
    "ends_in_thought",
    "keep",
    "prefill_fields",
    "spell_messages",
    "text_of",
    "why_not_continued",
]
