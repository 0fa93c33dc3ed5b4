"""A budget: what may be spent, what has been, and who is spending now. Clients and threads may share one."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from magistral_nb.errors import BudgetExceededError, ConfigurationError
from magistral_nb.rendering.facts import dollars

Unit = Literal["usd", "tokens", "reasoning_tokens"]
UNITS: Final[tuple[Unit, ...]] = ("usd", "tokens", "reasoning_tokens")


@dataclass(frozen=True, slots=True)
class Amounts:
    """An amount in each unit. None means no limit where it is what is left, and an unknown price where it is spent."""

    usd: float | None = 0.0
    tokens: int | None = 0
    reasoning_tokens: int | None = 0

    def __add__(self, other: Amounts) -> Amounts:
        return Amounts(
            _sum(self.usd, other.usd),
            _sum(self.tokens, other.tokens),
            _sum(self.reasoning_tokens, other.reasoning_tokens),
        )


class Budget:
    """What may be spent: USD, tokens (prompt and completion), tokens of thinking; all of those that are given count.

    Give it to `Client(budget=…)` or to one call. Several clients and threads may share it; a copy is the same budget.
    A question whose prompt alone is too much raises BudgetExceededError and is not sent. A reply that reaches the
    budget is stopped: its text is kept and its `finish_reason` is "budget". While a reply streams, its tokens are
    estimated; the server's own count takes their place when it comes. `usd` needs an endpoint whose price is known.

    >>> budget = Budget(tokens=500)
    >>> reply = Client("demo", budget=budget).chat("Why is the sky blue?")
    >>> print(budget.spent.tokens, budget.left.tokens)
    """

    def __init__(
        self, *, usd: float | None = None, tokens: int | None = None, reasoning_tokens: int | None = None
    ) -> None:
        _check("usd", usd)
        _check("tokens", tokens)
        _check("reasoning_tokens", reasoning_tokens)
        self.limit = Amounts(usd, tokens, reasoning_tokens)
        self._limits = [(unit, limit) for unit in UNITS if (limit := getattr(self.limit, unit)) is not None]
        if not self._limits:
            raise ConfigurationError("A Budget without a limit limits nothing.", hint="Say Budget(tokens=10_000).")
        self._lock = threading.Lock()
        self._settled = Amounts()
        self._open: dict[Claim, Amounts] = {}

    @property
    def spent(self) -> Amounts:
        """What has been spent, replies that are on their way included; `usd` is None if a price was unknown."""
        with self._lock:
            return self._spent()

    @property
    def left(self) -> Amounts:
        """What is left, never below 0; None where there is no limit."""
        spent = self.spent
        return Amounts(*(_left(getattr(self.limit, unit), getattr(spent, unit)) for unit in UNITS))

    def claim(self, prompt: Amounts) -> Claim:
        """Set aside what a prompt is likely to cost. Raises BudgetExceededError if that is more than is left."""
        with self._lock:
            spent = self._spent()
            for unit, limit in self._limits:
                before, more = getattr(spent, unit) or 0, getattr(prompt, unit) or 0
                if before >= limit or before + more > limit:
                    raise _exceeded(unit, before, more, limit)
            claim = Claim(self)
            self._open[claim] = prompt
            return claim

    def reached_by(self, claim: Claim, so_far: Amounts) -> Unit | None:
        """Note what a reply has cost so far, and return the limit that is reached by all together, if one is.

        The limit on thinking stops only a reply whose thinking has just grown.
        """
        with self._lock:
            thought_before = self._open[claim].reasoning_tokens
            self._open[claim] = so_far
            spent = self._spent()
            for unit, limit in self._limits:
                now = getattr(spent, unit)
                is_still = unit == "reasoning_tokens" and so_far.reasoning_tokens == thought_before
                if now is not None and now >= limit and not is_still:
                    return unit
            return None

    def settle(self, claim: Claim, final: Amounts) -> None:
        """Put what a reply cost in the end in the place of what was set aside for it."""
        with self._lock:
            if self._open.pop(claim, None) is not None:
                self._settled += final

    def told(self, unit: Unit) -> str:
        """Say how much of a limit is spent: "480 of 500 tokens"."""
        return _told(unit, getattr(self.spent, unit), getattr(self.limit, unit))

    def __repr__(self) -> str:
        limits = [self.told(unit) for unit, _ in self._limits]
        return f"<Budget: {', '.join(limits)} spent>"

    def __deepcopy__(self, memo: object) -> Self:
        return self  # `%config` copies what it is given, and money is not doubled by copying a purse

    def __copy__(self) -> Self:
        return self

    def _spent(self) -> Amounts:
        return sum(self._open.values(), self._settled)


class Claim:
    """The part of a budget that one reply uses."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def reached_by(self, so_far: Amounts) -> Unit | None:
        """Note what the reply has cost so far, and return the limit that is reached, if one is."""
        return self._budget.reached_by(self, so_far)

    def settle(self, final: Amounts) -> None:
        """Say what the reply cost in the end; only the first time counts."""
        self._budget.settle(self, final)

    def told(self, unit: Unit) -> str:
        """Say how much of a limit is spent."""
        return self._budget.told(unit)


def _check(unit: Unit, limit: object) -> None:
    if limit is None:
        return
    kinds = int | float if unit == "usd" else int
    if isinstance(limit, bool) or not isinstance(limit, kinds) or not math.isfinite(limit) or limit <= 0:
        wanted = "a number of USD" if unit == "usd" else "a whole number"
        raise ConfigurationError(f"Budget({unit}=…) is {limit!r}.", hint=f"It must be {wanted} above 0.")


def _sum(one: Any, other: Any) -> Any:
    return None if one is None or other is None else one + other


def _left(limit: Any, spent: Any) -> Any:
    return None if limit is None else max(0, limit - (spent or 0))


def _told(unit: Unit, spent: float | None, limit: float) -> str:
    if unit == "usd":
        return f"{dollars(spent or 0)} of {dollars(limit)}"
    return f"{spent:,} of {limit:,} {'tokens' if unit == 'tokens' else 'tokens of thinking'}"


def _exceeded(unit: Unit, spent: float, prompt: float, limit: float) -> BudgetExceededError:
    more = dollars(prompt) if unit == "usd" else f"{prompt:,} tokens"
    says = f", and the prompt of this question alone takes about {more}" if spent < limit else ""
    return BudgetExceededError(
        f"The budget does not allow this question: {_told(unit, spent, limit)} are spent{says}. Nothing was sent.",
        hint=f"{'Ask something shorter, or go' if says else 'Go'} on with a new Budget({unit}=…).",
        spent=spent,
        limit=limit,
        unit=unit,
    )
