"""What a reply costs: prices by the million tokens, in USD. An unknown price gives no number, never a made-up one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from magistral_nb.errors import ConfigurationError


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

    @classmethod
    def of(cls, value: object) -> Price | None:
        """Return the price that a `price=` argument means: a Price, a pair (prompt, completion), or None.

        Raises ConfigurationError for anything else.
        """
        if value is None or isinstance(value, Price):
            return value
        if not isinstance(value, Sequence) or len(value) != 2 or not all(map(_is_price, value)):
            raise ConfigurationError(
                f"price is {value!r}.",
                hint="It must be Price(prompt, completion) or a pair of numbers, in USD by the million tokens.",
            )
        return cls(*value)


def _is_price(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
