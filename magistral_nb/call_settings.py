"""What may differ from call to call: the names are those of `Client`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from magistral_nb.budgets import Budget
from magistral_nb.costs import Price
from magistral_nb.dialects import KeepThinking
from magistral_nb.settings import Timeouts
from magistral_nb.tools import Usable


class CallSettings(TypedDict, total=False):
    """Settings that may differ from call to call; the names are those of `Client`."""

    model: str
    revision: str
    system: str | None
    instructions: str | None
    temperature: float
    top_p: float
    max_tokens: int | None
    seed: int | None
    stop: str | list[str] | None
    tools: Sequence[Usable] | None
    response_format: Any
    extra_body: Mapping[str, Any] | None
    timeout: float | Timeouts | None
    max_retries: int
    keep_thinking: KeepThinking
    tokenizer: str | Path | None
    journal: bool
    price: Price | tuple[float, float] | None
    budget: Budget | None
