"""Which price counts: the user's, else that of the endpoint's row, and only for the row's own model."""

from __future__ import annotations

from typing import Any

import pytest

from magistral_nb import Client, ConfigurationError, Price
from tests.fake_server import FakeServer
from tests.test_budgets import with_usage
from tests.test_client import client_for


def price_of(server: FakeServer, **settings: Any) -> float | None:
    server.play(with_usage(1_000, 9_000))
    client = Client(**{"endpoint": "navigator", "base_url": server.base_url, "api_key": "k", **settings})
    reply = client.chat("q")
    assert reply.usage
    return reply.usage.cost


def test_the_price_is_the_users_or_else_the_rows(server: FakeServer) -> None:
    assert price_of(server) == pytest.approx(0.0099)
    assert price_of(server, price=(1, 2)) == pytest.approx(0.019)
    assert price_of(server, price=Price(0, 0)) == 0


def test_the_price_of_another_model_is_not_known(server: FakeServer) -> None:
    assert price_of(server, model="llama-3.3-70b-instruct") is None


@pytest.mark.parametrize("wrong", [1, "ab", (1,), (1, -2), (1, "2"), (1, float("inf")), (True, 1)])
def test_a_price_that_cannot_be_meant(server: FakeServer, wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="price is"):
        client_for(server, price=wrong).chat("q")
