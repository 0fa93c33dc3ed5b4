"""How servers spell thinking, both ways: messages to a request body, chunks to events. Knows no network."""

from __future__ import annotations

from magistral_nb.dialects.decoder import Decoder
from magistral_nb.dialects.heard import text_of
from magistral_nb.dialects.spelling import PLAIN, Dialect, KeepThinking, keep, prefill_fields, spell_messages

__all__ = ["PLAIN", "Decoder", "Dialect", "KeepThinking", "keep", "prefill_fields", "spell_messages", "text_of"]
