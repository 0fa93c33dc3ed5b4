"""What a prompt is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["control", "text"]


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
    tokens: int
