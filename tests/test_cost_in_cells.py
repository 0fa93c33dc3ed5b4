"""Budgets and costs in a notebook: `%config Magistral.budget`, `%magistral cost`, and what stands under a reply."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from IPython.core.interactiveshell import InteractiveShell

from magistral_nb.metering import SESSION
from tests.fake_server import FakeServer
from tests.test_budgets import pieces, plays, with_usage
from tests.test_client import GOOD
from tests.test_magics import at, notebook, run

CONFIGURED = "from magistral_nb import Budget\nbudget = Budget(tokens=500)\n%config Magistral.budget = budget"


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    monkeypatch.setattr(SESSION, "_sums", {})
    with notebook() as shell:
        yield shell


def test_a_budget_for_all_cells(shell: InteractiveShell, server: FakeServer) -> None:
    plays(server, pieces("words with the space in front"))
    run(shell, CONFIGURED)
    result, printed, red = run(shell, f"{at(server)}\nIs 91 prime?")
    assert result.success
    assert red == ""
    assert result.result.finish_reason == "budget"
    assert "stopped by your budget" in printed
    assert "500 of 500 tokens" in printed
    assert run(shell, "budget.left.tokens")[0].result == 0  # it is the user's own, not a copy of it
    result, printed, red = run(shell, f"{at(server)}\nIs 93 prime?")
    assert not result.success
    assert "BudgetExceededError" in printed + red
    assert "500 of 500 tokens" in printed + red
    assert "Traceback" not in printed + red
    assert len(server.requests) == 1
    run(shell, "%config Magistral.budget = None")
    server.play(GOOD)
    assert run(shell, f"{at(server, '-q')}\nIs 93 prime?")[0].success


def test_cost_is_told(shell: InteractiveShell, server: FakeServer) -> None:
    assert "This session: nothing" in run(shell, "%magistral cost")[1]
    server.play(with_usage(1_000, 9_000))
    run(shell, CONFIGURED.replace("tokens=500", "tokens=50_000"))
    _, printed, _ = run(shell, f"{at(server)}\nhi")
    assert "1,000 + 9,000 tokens" in printed
    _, printed, _ = run(shell, "%magistral cost")
    assert "This session: 1 reply; 1,000 + 9,000 tokens; price unknown" in printed
    assert "This month, by notebook" in printed
    assert "Budget: 10,000 of 50,000 tokens spent" in printed
    assert "  cost " in run(shell, "%magistral -h")[1]
