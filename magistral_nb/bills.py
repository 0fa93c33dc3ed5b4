"""What one reply costs: counted while it streams, told to its budget, and written down at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from magistral_nb.budgets import Amounts, Budget, Claim, Unit
from magistral_nb.costs import Price
from magistral_nb.dialects import text_of
from magistral_nb.errors import ConfigurationError
from magistral_nb.events import AnswerDelta, Event, Notice, Reclassified, ThinkingDelta, Usage
from magistral_nb.meter_file import write_down
from magistral_nb.metering import SESSION, Spending
from magistral_nb.replies import Reply
from magistral_nb.running_count import RunningCount, likely_tokens


@dataclass
class Bill:
    """The bill of one reply.

    count_prompt : estimates the prompt, in tokens; asked only where it is needed. count_text : does so for what comes.
    on_disk : whether the reply goes into the meter on disk too.
    """

    endpoint: str
    model: str
    count_prompt: Callable[[], int]
    count_text: Callable[[str], int] = likely_tokens
    price: Price | None = None
    budget: Budget | None = None
    on_disk: bool = True
    reached: Unit | None = None
    _claim: Claim | None = None
    _prompt: int = 0
    _came: RunningCount = field(default_factory=RunningCount)
    _begun: bool = False
    _closed: bool = False
    _thinking: float = 0.0
    _sorted: int = 0

    def open(self) -> None:
        """Ask the budget for leave to send the question.

        Raises BudgetExceededError if the prompt alone is too much, and ConfigurationError for a budget in USD where
        no price is known.
        """
        if self.budget is None or self._claim is not None:
            return
        if self.budget.limit.usd is not None and self.price is None:
            raise ConfigurationError(
                f"Budget(usd=…) needs a price, and none is known for {self.model} at {self.endpoint}.",
                hint=(
                    "Give price=(prompt, completion) in USD by the million tokens; price=(0, 0) if nobody is billed; "
                    "or limit tokens: Budget(tokens=…)."
                ),
            )
        self._prompt = self.count_prompt()
        self._came = RunningCount(self.count_text)
        self._claim = self.budget.claim(self._amounts(self._prompt, 0, 0))

    def hear(self, chunk: Mapping[str, Any], events: Sequence[Event]) -> None:
        """Count a chunk and what was read from it. Sets `reached` if the budget is now used up."""
        self._begun = self._begun or "choices" in chunk
        if self._claim is None:
            return
        if text := text_of(chunk):
            self._came.hear(text)
        self._sort(events)
        if isinstance(usage := chunk.get("usage"), dict):
            self._correct(usage)
        if text:
            self.reached = self._claim.reached_by(self._so_far())

    def usage(self, at: float) -> Usage:
        """Return what the reply has cost so far, by our own count."""
        prompt, completion, thinking = self._prompt, self._came.total, round(self._thinking)
        return Usage(prompt, completion, thinking, self._usd(prompt, completion), at, estimated=True)

    def notice(self, at: float) -> Notice:
        """Say to the reader that the budget ended the reply."""
        told = self._claim.told(self.reached) if self._claim and self.reached else ""
        return Notice("budget", f"Your budget is used up, so the reply was stopped: about {told} are spent.", at)

    def close(self, reply: Reply) -> None:
        """Settle with the budget, and write the reply down. Only the first time counts.

        A question that failed before the reply began costs nothing. What was played from a recording counts for the
        budget, so that a lesson goes the same way, and not for the meters: nobody was billed.
        """
        if self._closed:
            return
        self._closed = True
        final = self._final(reply) if self._begun else Usage(0, 0)
        if self._claim:
            self._claim.settle(self._amounts(final.prompt_tokens, final.completion_tokens, final.reasoning_tokens or 0))
        if self._begun and not reply.recorded:
            self._write_down(final)

    def _final(self, reply: Reply) -> Usage:
        """Return the server's count, with ours in the place of what it left out."""
        told = reply.usage or Usage(0, 0)
        said = "".join([reply.thinking, reply.answer, *(call.name + call.arguments for call in reply.tool_calls)])
        prompt = told.prompt_tokens or self._prompt or self.count_prompt()
        completion = told.completion_tokens or (self._came.total if self._claim else self.count_text(said))
        thinking = told.reasoning_tokens
        if thinking is None:
            thinking = round(completion * self._thinking / self._came.total) if self._came.total else 0
        ours = told.estimated or not told.prompt_tokens or (completion > 0 and not told.completion_tokens)
        return Usage(prompt, completion, thinking, estimated=ours)

    def _write_down(self, final: Usage) -> None:
        usd = self._usd(final.prompt_tokens, final.completion_tokens)
        one = Spending(
            self.endpoint, self.model, final.prompt_tokens, final.completion_tokens, usd, estimated=final.estimated
        )
        SESSION.note(one)
        if self.on_disk:
            write_down(one)

    def _sort(self, events: Sequence[Event]) -> None:
        """Tell thinking from the rest in what was counted since the last events: a reader holds some text back."""
        thinking = sum(len(event.text) for event in events if isinstance(event, ThinkingDelta))
        known = thinking + sum(len(event.text) for event in events if isinstance(event, AnswerDelta))
        if any(isinstance(event, Reclassified) for event in events):
            self._thinking = float(self._came.total)
        elif known:
            self._thinking += max(0, self._came.total - self._sorted) * thinking / known
        else:
            return
        self._sorted = self._came.total

    def _correct(self, usage: Mapping[str, Any]) -> None:
        """A server may count in mid-stream: then its numbers are better than ours."""
        prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
        if isinstance(prompt, int) and prompt > 0:
            self._prompt = prompt
        if isinstance(completion, int):
            self._came.correct(completion)

    def _so_far(self) -> Amounts:
        return self._amounts(self._prompt, self._came.total, round(self._thinking))

    def _amounts(self, prompt: int, completion: int, thinking: int) -> Amounts:
        return Amounts(self._usd(prompt, completion), prompt + completion, thinking)

    def _usd(self, prompt: int, completion: int) -> float | None:
        return self.price.cost(prompt_tokens=prompt, completion_tokens=completion) if self.price else None
