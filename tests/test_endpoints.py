"""The rows of the table: what each promises, what it sends, whose key it takes, and what it says when it fails."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from magistral_nb import (
    ENDPOINTS,
    APIConnectionError,
    Client,
    ConfigurationError,
    Endpoint,
    MissingKeyError,
    NotFoundError,
)
from magistral_nb.choosing import choose_endpoint, find_key
from magistral_nb.templating import revision_of
from magistral_nb.transports.addresses import is_loopback
from tests.fake_server import FakeServer
from tests.provider_samples import HISTORY, SENDS
from tests.test_dialect_samples import sample

ROWS = {name: row for name, row in ENDPOINTS.items() if row.engine == "http"}
LOCAL = {name: row for name, row in ROWS.items() if is_loopback(row.base_url)}
HOSTED = {name: row for name, row in ROWS.items() if name not in LOCAL}


def sent_by(row: Endpoint, server: FakeServer, **settings: Any) -> dict[str, Any]:
    """Ask once, and return the body of the request."""
    server.play(sample("vllm_reasoning")[0])
    row = replace(row, base_url=server.base_url, model=row.model or "my-dedicated-endpoint")
    Client(row, api_key="x").chat("What is two and two?", **settings)
    body: dict[str, Any] = server.requests[0].json()
    return body


def test_all_providers_are_here() -> None:
    assert set(HOSTED) == {"navigator", "together", "mistral", "openrouter", "hf-router"}
    assert set(LOCAL) >= {
        "vllm",
        "sglang",
        "llama-server",
        "ollama",
        "lmstudio",
        "mlx",
        "transformers-serve",
        "litellm",
    }
    assert set(ROWS) == set(SENDS) == set(HISTORY)
    assert "demo" in ENDPOINTS


@pytest.mark.parametrize("name", ENDPOINTS)
def test_a_row_says_what_it_is(name: str) -> None:
    row = ENDPOINTS[name]
    assert row.name == row.dialect.name == name
    assert row.description
    assert row.hint or row.engine != "http"


@pytest.mark.parametrize("name", HOSTED)
def test_a_key_goes_to_a_service_over_tls_only(name: str) -> None:
    assert urlsplit(HOSTED[name].base_url).scheme == "https"


def test_no_two_rows_share_an_address_and_a_key() -> None:
    places = [(row.base_url, row.key_env) for row in ROWS.values()]
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("name", ROWS)
def test_sampling_is_always_sent(server: FakeServer, name: str) -> None:
    body = sent_by(ROWS[name], server)
    room = ROWS[name].context or 40_960
    assert (body["temperature"], body["top_p"]) == (0.7, 0.95)
    assert 30_000 < body["max_tokens"] <= min(room, 40_960)


@pytest.mark.parametrize("name", ROWS)
def test_a_magistral_is_never_sent_a_reasoning_switch(server: FakeServer, name: str) -> None:
    body = sent_by(ROWS[name], server)
    is_magistral = revision_of(body["model"]) is not None
    assert is_magistral == (name != "mistral")
    if is_magistral:
        assert not {"reasoning_effort", "reasoning", "thinking", "prompt_mode"} & set(body)
        assert body["messages"][0]["role"] == "system"


def test_the_heir_of_magistral_is_asked_to_think_and_gets_no_prompt_of_magistrals(server: FakeServer) -> None:
    body = sent_by(ENDPOINTS["mistral"], server)
    assert (body["model"], body["reasoning_effort"]) == ("mistral-small-latest", "high")
    assert body["messages"] == [{"role": "user", "content": "What is two and two?"}]


def test_the_users_extra_body_wins_over_the_rows(server: FakeServer) -> None:
    body = sent_by(ENDPOINTS["mistral"], server, extra_body={"reasoning_effort": "none"})
    assert body["reasoning_effort"] == "none"


@pytest.mark.parametrize(
    ("name", "fields"),
    [("sglang", {"skip_special_tokens": False}), ("llama-server", {"top_k": 0, "min_p": 0.0})],
)
def test_switches_that_a_server_needs(server: FakeServer, name: str, fields: dict[str, Any]) -> None:
    assert fields.items() <= sent_by(ENDPOINTS[name], server).items()


def test_what_ufs_page_says(server: FakeServer) -> None:
    row = ENDPOINTS["navigator"]
    assert (row.base_url, row.model) == ("https://api.ai.it.ufl.edu/v1", "magistral-small")
    assert sent_by(row, server)["max_tokens"] < 40_000
    reply = Client(replace(row, base_url=server.base_url), api_key="x").chat("What is two and two?")
    assert reply.usage
    assert reply.usage.cost == pytest.approx((11 + 7) * 0.99 / 1_000_000)


def test_what_togethers_page_says(server: FakeServer) -> None:
    row = ENDPOINTS["together"]
    assert (row.revision, row.context, row.model) == ("2506", 128_000, None)
    assert "<think>" in sent_by(row, server)["messages"][0]["content"]
    reply = Client(replace(row, base_url=server.base_url, model="mine"), api_key="x").chat("What is two and two?")
    assert reply.usage
    assert reply.usage.cost is None  # "check pricing"
    with pytest.raises(ConfigurationError, match="dedicated endpoint must be running"):
        Client("together", api_key="x").chat("Which model?")


def test_a_server_that_loads_its_model_gets_time_for_it() -> None:
    patient = {name for name, row in ROWS.items() if row.timeouts.first_event == 600}
    assert patient == {*LOCAL, "together"}
    assert {row.timeouts.first_event for name, row in ROWS.items() if name not in patient} == {120}


@pytest.mark.parametrize("name", ROWS)
def test_a_hint_reaches_whoever_cannot_connect(name: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: the address answers to nobody
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
        with pytest.raises(APIConnectionError) as caught:
            Client(replace(ROWS[name], base_url=url, model="m"), api_key="x", max_retries=0).chat("Anybody there?")
    assert caught.value.hint == f"{ROWS[name].hint} The address comes from the endpoint {name}, named by you."
    assert name in caught.value.message


@pytest.mark.parametrize("name", ROWS)
def test_a_hint_reaches_whoever_asks_for_an_unknown_model(server: FakeServer, name: str) -> None:
    server.play_json({"error": {"message": "no such model"}}, status=404)
    with pytest.raises(NotFoundError) as caught:
        Client(replace(ROWS[name], base_url=server.base_url, model="m"), api_key="x").chat("Anybody there?")
    assert ROWS[name].hint in caught.value.hint


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("navigator", ["Keys come from UF"]),
        ("together", ["dedicated endpoint must be running", "its name is the model"]),
        ("mistral", ["no Magistral Small any more"]),
        ("vllm", ["--reasoning-parser mistral", "--tokenizer_mode mistral"]),
        ("ollama", ["OLLAMA_CONTEXT_LENGTH", "cuts long prompts"]),
        ("litellm", ["no reasoning_effort to a Magistral"]),
    ],
)
def test_a_hint_names_what_people_stumble_over(name: str, words: list[str]) -> None:
    hint = " ".join(ENDPOINTS[name].hint.split())
    assert all(each in hint for each in words)


@pytest.mark.parametrize("name", ROWS)
def test_a_service_needs_its_key_and_a_server_of_your_own_may_do_without(name: str) -> None:
    row = ROWS[name]
    if name in LOCAL:
        assert find_key(row, None, env={}) is None
    else:
        with pytest.raises(MissingKeyError, match=str(row.key_env)):
            find_key(row, None, env={})
    if row.key_env:
        key = find_key(row, None, env={row.key_env: "sk-1"})
        assert key
        assert key.source == f"${row.key_env}"


@pytest.mark.parametrize("name", ROWS)
def test_which_keys_choose_an_endpoint_by_themselves(name: str) -> None:
    env = {ROWS[name].key_env or "": "sk-1"}
    if name in HOSTED and name != "hf-router":
        assert choose_endpoint(None, None, env=env).endpoint.name == name
    else:
        with pytest.raises(ConfigurationError, match="No endpoint is set up") as caught:
            choose_endpoint(None, None, env=env)
        assert "HF_TOKEN" not in caught.value.hint
