"""What a prompt is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from magistral_nb.tokens import BYTES_PER_TOKEN

Kind = Literal["control", "text"]


@dataclass(frozen=True, slots=True)
class TokenCount:
    """How many tokens, and whether the model's own tokenizer counted them.

    >>> print(TokenCount(1234, exact=False))
    about 1,234 tokens
    """

    total: int
    exact: bool

    def __str__(self) -> str:
        return f"{'' if self.exact else 'about '}{self.total:,} token{'' if self.total == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class PromptPart:
    """One control token, or a stretch of text between two of them.

    role : whose part it is: system, tools, user, assistant or tool; "" for what begins the prompt.
    tokens : how many it takes; an estimate, unless its prompt says that they are exact.
    """

    kind: Kind
    text: str
    role: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Dropped:
    """Thinking of an earlier reply that is not sent again; `message` says of which, counted from 1."""

    message: int
    text: str


def estimated_tokens(text: str) -> int:
    """Return how many tokens a text has, roughly and rather too many; nothing has none.

    >>> estimated_tokens(""), estimated_tokens("a"), estimated_tokens("Is 91 prime?")
    (0, 1, 4)
    """
    return max(1, round(len(text.encode()) / BYTES_PER_TOKEN)) if text else 0
