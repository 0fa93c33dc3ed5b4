"""Rows of the table against the real servers that run here: three turns, the thinking of the first ones kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from magistral_nb import ENDPOINTS, Client, Endpoint, assistant, user
from tests.real import litellm_auth
from tests.real.litellm_proxy import AT_OPENAI, LiteLLMProxy, litellm_proxy
from tests.real.llama_server import GRAMMAR, MODEL, LlamaServer, llama_server
from tests.real.mlx_server import MODEL_FOLDER, mlx_server
from tests.test_dialect_samples import sample

__all__ = ["llama_server"]
pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def proxy(llama_server: LlamaServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiteLLMProxy]:
    with litellm_proxy(tmp_path_factory.mktemp("litellm"), llama_server) as proxy:
        yield proxy


def row(name: str, base_url: str, model: str) -> Endpoint:
    return replace(ENDPOINTS[name], base_url=base_url, model=model)


def ask_thrice(client: Client, **settings: Any) -> None:
    said = []
    for question in ("Why is the sky blue?", "And grass, why green?", "And snow?"):
        said.append(user(question))
        reply = client.chat(said, temperature=0, **settings)
        assert reply.answer.strip()
        assert reply.thinking.strip()
        assert (reply.complete, reply.finish_reason) == (True, "stop")
        said.append(assistant(reply.answer, thinking=reply.thinking))


def test_llama_server(llama_server: LlamaServer) -> None:
    here = row("llama-server", llama_server.base_url, MODEL)
    client = Client(here, api_key=llama_server.api_key, keep_thinking="all")
    ask_thrice(client, max_tokens=200, extra_body={"grammar": GRAMMAR})


def test_litellm(proxy: LiteLLMProxy) -> None:
    client = Client(row("litellm", proxy.base_url, MODEL), api_key=litellm_auth.GOOD, keep_thinking="all")
    ask_thrice(client, max_tokens=200, extra_body={"grammar": GRAMMAR})


@pytest.mark.parametrize("name", ["litellm", "navigator"])
def test_what_a_server_behind_litellm_gets(proxy: LiteLLMProxy, name: str) -> None:
    proxy.recorded.play(sample("vllm_reasoning")[0])
    client = Client(row(name, proxy.base_url, AT_OPENAI), api_key=litellm_auth.GOOD, keep_thinking="all")
    client.chat([user("2 + 2?"), assistant("4", thinking="Two and two."), user("Sure?")])
    body = proxy.recorded.requests[-1].json()
    assert body["messages"][-3:] == [
        {"role": "user", "content": "2 + 2?"},
        {"role": "assistant", "content": "[THINK]Two and two.[/THINK]4"},
        {"role": "user", "content": "Sure?"},
    ]
    assert (body["temperature"], body["top_p"]) == (0.7, 0.95)


def test_litellm_hands_on_that_a_reply_is_to_be_continued(proxy: LiteLLMProxy) -> None:
    proxy.recorded.play(sample("vllm_reasoning")[0])
    client = Client(row("litellm", proxy.base_url, AT_OPENAI), api_key=litellm_auth.GOOD)
    client.chat([user("2 + 2?"), assistant("It is")])
    last = proxy.recorded.requests[-1].json()["messages"][-1]
    assert last == {"role": "assistant", "content": "It is", "prefix": True}


def test_mlx(tmp_path_factory: pytest.TempPathFactory) -> None:
    with mlx_server(tmp_path_factory.mktemp("mlx")) as base_url:
        client = Client(row("mlx", base_url, str(MODEL_FOLDER)), system=None)
        # The model does as it is shown: a line of thought, then its answer.
        said = [user("What is 3 + 4?"), assistant("3 and 4 more is 7.\nThe answer is 7.")]
        reply = client.chat([*said, user("What is 6 + 3?")], temperature=0, max_tokens=60)
    assert reply.thinking.strip()
    assert reply.answer.strip()
    assert reply.complete
