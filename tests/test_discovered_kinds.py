"""What kind of server it is that was found on this machine."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from magistral_nb import Endpoint, Price, settings_files
from magistral_nb.choosing import choose_endpoint
from magistral_nb.dialects import Dialect
from magistral_nb.transports.discovery import Place, find_servers
from tests.fake_server import FakeServer
from tests.test_client import KEY
from tests.test_discovery import MAGISTRAL, lists

NAMES = ("vllm", "sglang", "llama-server", "ollama", "lmstudio", "mlx", "transformers-serve", "litellm")


@pytest.mark.parametrize(
    ("facts", "headers", "name"),
    [
        ({"owned_by": "vllm"}, {}, "vllm"),
        ({"owned_by": "sglang"}, {}, "sglang"),
        ({"owned_by": "llamacpp", "status": {"value": "loaded"}}, {"server": "llama.cpp"}, "llama-server"),
        ({"owned_by": "library"}, {}, "ollama"),
        ({"owned_by": "organization_owner"}, {"x-powered-by": "Express"}, "lmstudio"),
        ({}, {"server": "BaseHTTP/0.6 Python/3.11.7"}, "mlx"),
        ({"owned_by": "", "status": {"value": "loaded"}}, {"server": "uvicorn"}, "transformers-serve"),
        ({"owned_by": "mistralai"}, {"server": "uvicorn"}, None),
        ({"owned_by": ["vllm"]}, {}, None),
    ],
)
def test_a_server_is_told_by_what_it_answers(
    facts: dict[str, object], headers: dict[str, str], name: str | None, server: FakeServer
) -> None:
    lists(server, "m", headers=headers, **facts)
    (found,) = find_servers([Place(server.base_url, NAMES)])
    assert (found.row_name, found.models) == (name, ("m",))
    assert 0 < found.seconds < 0.4


def test_a_server_that_does_not_say_is_asked_once_more(server: FakeServer) -> None:
    lists(server, "hf.co/me/my-model", owned_by="hf.co")
    server.play_json({"version": "0.15.1"}, path="/api/version")
    (found,) = find_servers([Place(server.base_url, ("ollama", "litellm"))])
    assert found.row_name == "ollama"
    server.play_json("I'm alive!", path="/health/liveliness")
    server.play_json({}, path="/api/version")
    (found,) = find_servers([Place(server.base_url, ("ollama", "litellm"))])
    assert found.row_name == "litellm"


def test_weak_signs_count_only_where_such_a_server_usually_is(server: FakeServer) -> None:
    lists(server, "m", headers={"server": "BaseHTTP/0.6"})
    (found,) = find_servers([Place(server.base_url, ("vllm",))])
    assert found.row_name is None


def test_a_row_that_somebody_wrote_for_this_address_counts(server: FakeServer) -> None:
    lists(server, "m", owned_by="vllm")
    (found,) = find_servers([Place(server.base_url, ("vllm", "my-box"))])
    assert found.row_name == "my-box"


def test_an_unknown_server_is_a_plain_endpoint_and_a_known_one_has_its_rows_facts(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialect = Dialect(name="of vLLM")
    row = Endpoint("vllm", server.base_url, "VLLM_KEY", dialect=dialect, also_at=("http://127.0.0.1:1/v1",))
    monkeypatch.setattr(settings_files, "ENDPOINTS", MappingProxyType({"vllm": row}))
    monkeypatch.setenv("VLLM_KEY", KEY)
    lists(server, "magistral-a", owned_by="vllm")
    found = choose_endpoint("auto", None).endpoint
    assert (found.name, found.dialect, found.model, found.key_env) == ("vllm", dialect, "magistral-a", None)
    lists(server, "magistral-b", owned_by="me")
    found = choose_endpoint("auto", None).endpoint
    assert (found.name, found.dialect.name, found.model, found.key_env) == (
        server.base_url,
        "plain",
        "magistral-b",
        None,
    )


def test_a_server_is_also_found_at_its_rows_other_address(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeServer() as gone:
        pass
    row = Endpoint("llama-server", gone.base_url, also_at=(server.base_url,))
    monkeypatch.setattr(settings_files, "ENDPOINTS", MappingProxyType({row.name: row}))
    lists(server, MAGISTRAL, owned_by="llamacpp")
    found = choose_endpoint("auto", None).endpoint
    assert (found.name, found.base_url) == ("llama-server", server.base_url)


@pytest.mark.parametrize(
    ("model", "revision"),
    [("magistral", "2506"), ("magistral:24b", "2506"), ("hf.co/Magistral-Small-2509", None), ("qwen3:8b", None)],
)
def test_what_a_row_says_of_its_model_holds_for_no_other(
    model: str, revision: str | None, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Endpoint("ollama", server.base_url, model="magistral", revision="2506", price=Price(1, 2))
    monkeypatch.setattr(settings_files, "ENDPOINTS", MappingProxyType({row.name: row}))
    lists(server, model, owned_by="library")
    found = choose_endpoint("auto", None).endpoint
    assert (found.model, found.revision) == (model, revision)
    assert found.price == (Price(1, 2) if revision else None)
