"""Which characters a prompt may hold."""

from __future__ import annotations


def encodable(text: str) -> str:
    r"""Return text that a tokenizer can read: two halves of a character become one, a lone half U+FFFD.

    >>> encodable("caf\u00e9 \ud83d!") == "caf\u00e9 \ufffd!"
    True
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
