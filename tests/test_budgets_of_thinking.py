"""A limit on thinking alone, and a server that counts while it streams."""

from __future__ import annotations

import pytest

from magistral_nb import Budget
from magistral_nb.budgets import Amounts
from tests.asking import COLOURS
from tests.fake_server import FakeServer
from tests.test_budgets import check_stopped, chunk, pieces, plays
from tests.test_client import client_for, events_of


@pytest.mark.parametrize("colour", COLOURS)
def test_thinking_has_a_limit_of_its_own(server: FakeServer, colour: str) -> None:
    plays(server, pieces("code"), field="reasoning")
    reply, events = COLOURS[colour](client_for(server, budget=Budget(reasoning_tokens=100)))
    check_stopped(reply)
    assert reply.answer == ""
    assert sum(event.type == "thinking.delta" for event in events) == 100
    assert "100 of 100 tokens of thinking" in reply.notices[-1].text


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize(
    "thought", [[{"reasoning": " consideration"}] * 50, [{"content": "<think>"}, *[{"content": " consideration"}] * 50]]
)
def test_an_answer_is_not_thinking(server: FakeServer, colour: str, thought: list[dict[str, str]]) -> None:
    close = [{"content": "</think>"}] * ("content" in thought[0])
    server.play(events_of(*thought, *close, *[{"content": " b"}] * 500))
    budget = Budget(reasoning_tokens=60)
    reply, _ = COLOURS[colour](client_for(server, budget=budget))
    assert reply.complete
    assert reply.answer.count("b") == 500
    assert 45 <= (budget.spent.reasoning_tokens or 0) <= 58


@pytest.mark.parametrize("colour", COLOURS)
def test_a_thought_that_nobody_opened_is_thinking(server: FakeServer, colour: str) -> None:
    server.play(events_of(*[{"content": " a"}] * 100, {"content": "</think>"}, *[{"content": " b"}] * 300))
    budget = Budget(reasoning_tokens=1_000)
    reply, _ = COLOURS[colour](client_for(server, budget=budget))
    assert reply.thinking.count("a") == 100
    assert 95 <= (budget.spent.reasoning_tokens or 0) <= 105


def test_the_thinking_of_one_does_not_stop_the_answer_of_another() -> None:
    budget = Budget(reasoning_tokens=60)
    one, other = budget.claim(Amounts()), budget.claim(Amounts())
    assert one.reached_by(Amounts(0, 50, 50)) is None
    assert other.reached_by(Amounts(0, 10, 10)) == "reasoning_tokens"
    assert one.reached_by(Amounts(0, 70, 50)) is None


@pytest.mark.parametrize("colour", COLOURS)
def test_a_server_that_counts_in_mid_stream_is_believed(server: FakeServer, colour: str) -> None:
    """Every piece is three tokens here, which no text can tell."""
    stream = [chunk({"content": "ab"}, usage={"prompt_tokens": 200, "completion_tokens": 3 * n}) for n in range(1, 200)]
    server.play([b"".join(stream), 30.0])
    budget = Budget(tokens=500)
    reply, events = COLOURS[colour](client_for(server, budget=budget, system=None))
    assert len(reply.answer) // 2 == 100
    assert [event.type for event in events][-3:] == ["usage", "notice", "done"]
    assert [event.type for event in events].count("usage") == 1
    assert budget.spent.tokens == 500


@pytest.mark.parametrize("colour", COLOURS)
def test_a_count_for_each_piece_alone_is_no_count_of_all(server: FakeServer, colour: str) -> None:
    stream = [chunk({"content": " a"}, usage={"prompt_tokens": 20, "completion_tokens": 1}) for _ in range(600)]
    server.play([b"".join(stream), 30.0])
    reply, _ = COLOURS[colour](client_for(server, budget=Budget(tokens=500), system=None))
    assert 480 <= len(reply.answer) // 2 <= 500
