"""Client('transformers') where nothing of it is installed: what it says, and what it refuses before it loads."""

from __future__ import annotations

import importlib
import time
from typing import Any

import pytest

from magistral_nb import ENDPOINTS, APITimeoutError, Client, ConfigurationError
from magistral_nb.connecting import Access, make_transport
from magistral_nb.events import Waiting
from magistral_nb.settings import Timeouts
from magistral_nb.transports import Request, transformers_loading
from magistral_nb.transports.clocks import Clocks
from magistral_nb.transports.transformers import TransformersTransport
from magistral_nb.transports.transformers_needs import Weights


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Give a set of packages that cannot be imported."""
    names = {"torch"}

    def import_module(name: str) -> Any:
        if name in names:
            time.sleep(0.1)  # loading takes its time
            raise ImportError(name)
        return importlib.import_module(name) if name == "json" else object()

    monkeypatch.setattr(transformers_loading, "importlib", type("Fake", (), {"import_module": import_module}))
    return names


@pytest.mark.parametrize("name", ["transformers", "torch", "accelerate"])
def test_without_its_packages_the_extra_is_named(missing: set[str], name: str) -> None:
    missing.clear()
    missing.add(name)
    with Client("transformers", model="somebody/small") as client, pytest.raises(ConfigurationError) as caught:
        client.chat("Is 91 prime?")
    assert caught.value.message == f"A model by transformers needs the package {name}."
    assert caught.value.hint == 'pip install "magistral_nb[transformers]"'


async def test_the_other_colour_says_the_same(missing: set[str]) -> None:
    async with Client("transformers", model="somebody/small") as client:
        with pytest.raises(ConfigurationError, match="needs the package torch"):
            await client.achat("Is 91 prime?")


def test_whoever_waits_hears_why(missing: set[str]) -> None:
    with Client("transformers", model="somebody/small") as client, client.stream("Is 91 prime?") as stream:
        waits = [event for _ in range(2) if isinstance(event := next(stream), Waiting)]
    assert [event.why for event in waits] == ["loading"]
    assert waits[0].text == "Loading somebody/small"
    assert waits[0].to_dict()["progress"] is None


def test_what_cannot_be_honoured_is_refused_before_anything_is_loaded() -> None:
    client = Client("transformers", model="somebody/small", extra_body={"response_format": {}, "n": 2})
    with pytest.raises(ConfigurationError, match="does not know n, response_format") as caught:
        client.chat("Is 91 prime?")
    assert "min_p" in caught.value.hint


def test_no_model_is_loaded_unless_it_is_named() -> None:
    with pytest.raises(ConfigurationError, match="No model was named for transformers"):
        Client("transformers").chat("Is 91 prime?")


def test_the_row_leads_to_the_engine() -> None:
    transport = make_transport(ENDPOINTS["transformers"], Access(None, {}, None, None))
    assert isinstance(transport, TransformersTransport)
    transport.close()


def test_the_row_waits_for_ever() -> None:
    with Clocks(ENDPOINTS["transformers"].timeouts) as clocks:
        assert clocks.left() is None


def test_a_model_that_says_nothing_in_time_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    from magistral_nb.transports import transformers_sharing

    class Mute:
        is_busy = False

        def answer(self, body: Any, put: Any, stopped: Any) -> None:
            stopped.wait(10)

        def free(self) -> None:
            pass

    monkeypatch.setattr(transformers_sharing, "_load", lambda shared, how: Mute())
    transport = TransformersTransport()
    body = {"model": "mute", "messages": [{"role": "user", "content": "hi"}]}
    with pytest.raises(APITimeoutError, match=r"sent no event within 0\.05 s"):
        list(transport.stream(Request(body, Timeouts(first_event=0.05))))
    transport.close()


def test_what_weights_take() -> None:
    weights = Weights(matrices=1_000_000, others=1_000, stored=2_002_000)
    assert weights.bytes_needed("auto", load_in_4bit=False) == 2_002_000
    assert weights.bytes_needed("float32", load_in_4bit=False) == 4_004_000
    assert weights.bytes_needed("float32", load_in_4bit=True) == 518_000
