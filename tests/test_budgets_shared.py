"""One budget for many questions, clients and threads; and what is no budget."""

from __future__ import annotations

import copy
import threading
from typing import Any

import pytest

from magistral_nb import Budget, BudgetExceededError, Client, ConfigurationError, Reply
from tests.fake_server import FakeServer
from tests.test_budgets import pieces, plays, with_usage
from tests.test_client import client_for


def test_prompts_on_their_way_are_set_aside(server: FakeServer) -> None:
    """Otherwise a hundred questions at once would each find the whole budget."""
    plays(server, ["a"], before=1)
    budget = Budget(tokens=100)
    client = client_for(server, budget=budget, system=None)
    with client.stream("word " * 60) as first:
        next(first)
        with pytest.raises(BudgetExceededError):
            client.chat("word " * 60)


def test_two_clients_in_two_threads_share_one(server: FakeServer) -> None:
    plays(server, pieces("code"), before=2_000)
    budget = Budget(tokens=1_000)
    replies: list[Reply] = []

    def ask() -> None:
        replies.append(client_for(server, budget=budget, system=None).chat("q"))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent = sum(reply.usage.prompt_tokens + reply.usage.completion_tokens for reply in replies if reply.usage)
    assert 1_000 <= spent <= 1_002
    assert budget.spent.tokens == spent


def test_a_budget_for_one_call_and_none_for_another(server: FakeServer) -> None:
    server.play(with_usage(100, 50))
    client = client_for(server, budget=Budget(tokens=1), system=None)
    own = Budget(tokens=200)
    client.chat("q", budget=own)
    client.chat("q", budget=None)
    assert own.spent.tokens == 150
    with pytest.raises(BudgetExceededError):
        client.chat("q")


@pytest.mark.parametrize("wrong", [500, {"tokens": 500}])
def test_only_a_budget_is_one(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"Budget\(tokens=500\)"):
        Client("navigator", api_key="k", budget=wrong).chat("q")


@pytest.mark.parametrize(
    "wrong", [{}, {"usd": 0}, {"tokens": -1}, {"tokens": 1.5}, {"usd": float("nan")}, {"tokens": True}]
)
def test_a_budget_that_cannot_be_meant(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="Budget"):
        Budget(**wrong)


def test_a_copy_is_the_same_purse() -> None:
    budget = Budget(usd=1)
    assert copy.deepcopy(budget) is budget
    assert copy.copy(budget) is budget
