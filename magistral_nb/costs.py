"""What a reply costs: prices by the million tokens, in USD. An unknown price gives no number, never a made-up one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Price:
    """What a provider asks for a million tokens of prompt and of completion, in USD. Thinking counts as completion.

    >>> Price(0.99, 0.99).cost(prompt_tokens=1_000, completion_tokens=9_000)
    0.0099
    """

    prompt: float
    completion: float

    def cost(self, *, prompt_tokens: int, completion_tokens: int) -> float:
        """Return the cost of one reply, in USD."""
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / 1_000_000
