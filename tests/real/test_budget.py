"""A budget on a model in this process: it stops there too, and the engine is free for the next question."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from magistral_nb import Budget, BudgetExceededError, Client
from tests.asking import COLOURS

pytestmark = pytest.mark.real
Closing = Callable[[Client], Client]


@pytest.fixture
def closing() -> Iterator[Closing]:
    """Close clients at the end: other tests count the engines that are there."""
    with ExitStack() as stack:
        yield stack.enter_context


@pytest.mark.parametrize("colour", COLOURS)
def test_the_embedded_model_stops(closing: Closing, colour: str) -> None:
    budget = Budget(tokens=500)
    endless = {"ignore_eos": True, "grammar": "root ::= [a-z ]+"}
    client = closing(Client("demo", budget=budget, max_tokens=3_000, extra_body=endless))
    reply, _ = COLOURS[colour](client, "What is photosynthesis?")
    assert (reply.finish_reason, reply.complete) == ("budget", False)
    assert len(reply.thinking + reply.answer) > 50
    assert 500 <= (budget.spent.tokens or 0) <= 505
    began = time.monotonic()
    again, _ = COLOURS[colour](client, "And now?", budget=None, max_tokens=20)
    assert again.finish_reason == "length"
    assert time.monotonic() - began < 20  # it does not wait for 3,000 tokens


@pytest.mark.parametrize("colour", COLOURS)
def test_its_own_count_takes_the_place_of_the_estimate(closing: Closing, colour: str) -> None:
    budget = Budget(tokens=5_000)
    client = closing(Client("demo", budget=budget, max_tokens=60))
    reply, _ = COLOURS[colour](client, "What is photosynthesis?", seed=1)
    assert reply.usage
    assert budget.spent.tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    assert reply.usage.cost is None


def test_the_examples_before_its_question_count_beforehand(closing: Closing) -> None:
    client = closing(Client("demo", max_tokens=200, extra_body={"ignore_eos": True, "grammar": "root ::= [a-z ]+"}))
    sent = client.count_tokens("What is photosynthesis?").total
    with pytest.raises(BudgetExceededError, match="Nothing was sent"):
        client.chat("What is photosynthesis?", budget=Budget(tokens=round(0.9 * sent)))
    stopped = client.chat("What is photosynthesis?", budget=Budget(tokens=sent + 20))
    assert stopped.finish_reason == "budget"
    assert stopped.usage
    assert 0.9 * sent <= stopped.usage.prompt_tokens <= 1.1 * sent
