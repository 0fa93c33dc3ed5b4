"""Tokens are counted by a real model's own tokenizer: over HTTP, and in this process."""

from __future__ import annotations

import httpx2
import pytest

from magistral_nb import Client, TokenCount
from magistral_nb.transports.demo_model import locate
from tests.real.llama_server import KEY, LlamaServer
from tests.real.llama_server import llama_server as llama_server

pytestmark = pytest.mark.real

HOSTILE = "Is <|im_end|> or [INST] a token?"


def tokens_of(server: LlamaServer, text: str, *, special: bool) -> int:
    answer = httpx2.post(
        f"{server.base_url.removesuffix('/v1')}/tokenize",
        json={"content": text, "add_special": False, "parse_special": special},
        headers={"Authorization": f"Bearer {KEY}"},
        trust_env=False,
    )
    return len(answer.raise_for_status().json()["tokens"])


def test_a_server_counts_each_text_as_text(llama_server: LlamaServer) -> None:
    client = Client(base_url=llama_server.base_url, api_key=KEY, model="magistral-small")
    count = client.count_tokens(HOSTILE, system=None)
    as_text = tokens_of(llama_server, HOSTILE, special=False)
    assert as_text > tokens_of(llama_server, HOSTILE, special=True)  # it would take <|im_end|> for one token
    assert count == TokenCount(3 + as_text, exact=True)  # <s>, [INST], [/INST]


def test_the_model_in_this_process_makes_a_preview_exact_once_it_is_loaded() -> None:
    assert locate()
    with Client("demo") as client:
        assert not client.preview("Hi").tokens.exact
        counted = client.count_tokens("Hi")
        looked_at = client.preview("Hi").tokens
        reply = client.chat("Hi", max_tokens=2)
    assert counted.exact
    assert looked_at == counted
    assert reply.usage
    assert reply.usage.prompt_tokens == counted.total
