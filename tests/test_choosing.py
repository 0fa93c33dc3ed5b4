"""Which endpoint is chosen, with whose key, and what a user reads when nothing fits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from magistral_nb import ENDPOINTS, Client, ConfigurationError, Endpoint, MissingKeyError, Secret, UnknownEndpointError
from magistral_nb.choosing import choose_endpoint, find_key
from tests.fake_server import FakeServer

URL = "http://127.0.0.1:9/v1"


def test_a_named_endpoint_wins_over_the_environment() -> None:
    choice = choose_endpoint("demo", None, env={"MAGISTRAL_ENDPOINT": "together", "NAVIGATOR_API_KEY": "x"})
    assert (choice.endpoint.name, choice.why) == ("demo", "named by you")
    mine = Endpoint("mine", base_url=URL, model="m")
    assert choose_endpoint(mine, None, env={}).endpoint is mine


def test_the_environment_in_its_order() -> None:
    env = {"MAGISTRAL_ENDPOINT": "demo", "MAGISTRAL_BASE_URL": URL, "TOGETHER_API_KEY": "x"}
    assert choose_endpoint(None, None, env=env).why == "$MAGISTRAL_ENDPOINT"
    del env["MAGISTRAL_ENDPOINT"]
    assert choose_endpoint(None, None, env=env).endpoint.base_url == URL
    del env["MAGISTRAL_BASE_URL"]
    assert choose_endpoint(None, None, env=env).endpoint.name == "together"


def test_two_keys_are_one_too_many_and_both_are_named() -> None:
    with pytest.raises(ConfigurationError, match=r"NAVIGATOR_API_KEY.*TOGETHER_API_KEY"):
        choose_endpoint(None, None, env={"NAVIGATOR_API_KEY": "x", "TOGETHER_API_KEY": "y"})


def test_hf_token_never_counts_and_the_demo_is_never_a_silent_fallback() -> None:
    with pytest.raises(ConfigurationError) as caught:
        choose_endpoint(None, None, env={"HF_TOKEN": "x"})
    for way_out in ("demo", "NAVIGATOR_API_KEY", "base_url", "MAGISTRAL_ENDPOINT"):
        assert way_out in caught.value.hint


def test_a_misspelt_endpoint_gets_a_guess() -> None:
    with pytest.raises(UnknownEndpointError, match="navigator"):
        choose_endpoint("navigater", None, env={})


def test_a_missing_key_names_its_variable_and_a_loopback_server_needs_none() -> None:
    with pytest.raises(MissingKeyError, match="NAVIGATOR_API_KEY"):
        find_key(ENDPOINTS["navigator"], None, env={})
    assert find_key(choose_endpoint(None, URL, env={}).endpoint, None, env={}) is None
    assert find_key(ENDPOINTS["demo"], None, env={}) is None


def test_an_endpoint_of_ones_own_needs_its_key_unless_it_is_on_this_machine() -> None:
    away = Endpoint("campus", base_url="https://llm.example.edu/v1", key_env="CAMPUS_KEY", model="m")
    with pytest.raises(MissingKeyError, match="CAMPUS_KEY"):
        find_key(away, None, env={})
    assert find_key(replace(away, key_needed=False), None, env={}) is None
    assert find_key(replace(away, base_url=URL), None, env={}) is None


def test_only_the_right_key_is_sent_to_a_custom_address(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "NAVIGATOR_API_KEY", "MAGISTRAL_API_KEY"):
        monkeypatch.setenv(name, f"key-of-{name}")
    monkeypatch.setenv("OPENAI_ORG_ID", "my-organisation")
    server.play_json({"data": [{"id": "m"}]}, path="/v1/models")
    for client in (Client(base_url=server.base_url), Client("navigator", base_url=server.base_url)):
        assert client.models() == ["m"]
        assert server.requests[-1].headers["authorization"] == "Bearer key-of-MAGISTRAL_API_KEY"
        assert "my-organisation" not in str(server.requests[-1].headers)


def test_no_key_means_no_authorization_header(server: FakeServer) -> None:
    server.play_json({"data": []}, path="/v1/models")
    Client(base_url=server.base_url).models()
    assert "authorization" not in server.requests[0].headers


def test_a_secret_shows_only_where_it_came_from() -> None:
    secret = Secret("sk-demo-123456", source="$X")
    assert repr(secret) == str(secret) == f"{secret}" == "<set, from $X>"
    with pytest.raises(TypeError):
        __import__("pickle").dumps(secret)


def test_the_constructor_does_nothing_that_can_fail() -> None:
    Client("nowhere")
    Client()
    with pytest.raises(UnknownEndpointError):
        Client("nowhere").chat("hi")
