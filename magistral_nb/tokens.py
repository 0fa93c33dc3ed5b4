"""How many tokens a text has. Without the model's own tokenizer this is an estimate, on the safe side."""

from __future__ import annotations

from collections.abc import Iterable

BYTES_PER_TOKEN = 3.0
"""English text has about four bytes a token, code and other scripts about three or fewer."""
TOKENS_PER_MESSAGE = 8


def estimate_tokens(texts: Iterable[str]) -> int:
    """Return a cautious estimate of the prompt that these texts, one a message, will make, in tokens.

    >>> estimate_tokens(["Is 91 prime?"])
    12
    """
    return sum(round(len(text.encode("utf-8", "replace")) / BYTES_PER_TOKEN) + TOKENS_PER_MESSAGE for text in texts)
