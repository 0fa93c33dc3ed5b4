"""Through a real LiteLLM proxy, as on NaviGator: replies, errors in plain words, and keys that stay secret."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from magistral_nb import (
    AnswerDelta,
    AuthenticationError,
    BadRequestError,
    Budget,
    Client,
    ContextLengthError,
    MagistralError,
    NotFoundError,
    PermissionDeniedError,
    QuotaError,
    RateLimitError,
    StreamError,
    ThinkingDelta,
)
from tests.asking import COLOURS
from tests.real import litellm_auth
from tests.real.litellm_proxy import AT_MISTRAL, AT_OPENAI, LiteLLMProxy, litellm_proxy
from tests.real.llama_server import CONTEXT, GRAMMAR, MODEL, LlamaServer, llama_server
from tests.test_dialect_samples import assert_read_right, sample

__all__ = ["llama_server"]
pytestmark = pytest.mark.real

QUESTION = "Why is the sky blue?"
ENDLESS = {"ignore_eos": True, "grammar": "root ::= [a-z ]+"}
"""Makes a model write until it is stopped: left to itself a small one may end at any word."""


@pytest.fixture(scope="module")
def proxy(llama_server: LlamaServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiteLLMProxy]:
    with litellm_proxy(tmp_path_factory.mktemp("litellm"), llama_server) as proxy:
        yield proxy


@pytest.fixture(params=COLOURS)
def ask(request: pytest.FixtureRequest) -> Any:
    return COLOURS[request.param]


def client_of(proxy: LiteLLMProxy, key: str = litellm_auth.GOOD, **settings: Any) -> Client:
    return Client(base_url=proxy.base_url, **{"model": MODEL, "api_key": key, **settings})


def thoughtful(parser: str = "auto") -> dict[str, Any]:
    """Settings that make the small model think, then answer; the proxy hands them on."""
    body = {"grammar": GRAMMAR, "reasoning_format": parser}
    return {"max_tokens": 200, "temperature": 0, "extra_body": body}


def error_of(ask: Any, client: Client, kind: type[MagistralError], prompt: str = "hi", **settings: Any) -> Any:
    with pytest.raises(kind) as caught:
        ask(client, prompt, **settings)
    return caught.value


# Replies


@pytest.mark.parametrize("parser", ["auto", "none"], ids=["taken apart by the server", "tags left in the text"])
def test_thinking_and_answer_come_apart(proxy: LiteLLMProxy, ask: Any, parser: str) -> None:
    reply, events = ask(client_of(proxy), QUESTION, **thoughtful(parser))
    assert len(reply.thinking.strip()) > 10
    assert len(reply.answer.strip()) > 10
    assert "THINK" not in reply.thinking + reply.answer
    assert (reply.complete, reply.finish_reason) == (True, "stop")
    assert reply.usage.prompt_tokens > 10
    assert reply.usage.completion_tokens > 10
    kinds = [type(event) for event in events if isinstance(event, ThinkingDelta | AnswerDelta)]
    assert kinds == sorted(kinds, key=[ThinkingDelta, AnswerDelta].index)
    assert min(kinds.count(ThinkingDelta), kinds.count(AnswerDelta)) > 3  # it comes word by word


def test_navigators_row_works_at_another_address(
    proxy: LiteLLMProxy, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAVIGATOR_API_KEY", litellm_auth.UNKNOWN)  # belongs to the real one, and must not be sent here
    monkeypatch.setenv("MAGISTRAL_API_KEY", litellm_auth.GOOD)
    before = proxy.calls(litellm_auth.UNKNOWN)
    reply, _ = ask(Client("navigator", base_url=proxy.base_url), QUESTION, **thoughtful())
    assert reply.thinking
    assert reply.answer
    tokens = reply.usage.prompt_tokens + reply.usage.completion_tokens
    assert reply.usage.cost == pytest.approx(tokens * 0.99 / 1_000_000)  # USD, as NaviGator asks
    assert proxy.calls(litellm_auth.UNKNOWN) == before


def test_models_are_listed(proxy: LiteLLMProxy) -> None:
    assert client_of(proxy).models() == [MODEL, AT_OPENAI, AT_MISTRAL]


def test_stopping_stops_the_model_behind_the_proxy(proxy: LiteLLMProxy) -> None:
    with client_of(proxy).stream("Count.", max_tokens=1500, extra_body=ENDLESS) as stream:
        for event in stream:
            if isinstance(event, ThinkingDelta | AnswerDelta):
                break
        assert is_busy(proxy)
    assert is_free_soon(proxy)


def test_a_budget_stops_the_model_behind_the_proxy(proxy: LiteLLMProxy, ask: Any) -> None:
    budget = Budget(tokens=400)
    reply, _ = ask(client_of(proxy, budget=budget, max_tokens=1500, extra_body=ENDLESS), "Count.")
    assert (reply.finish_reason, reply.complete) == ("budget", False)
    assert 400 <= (budget.spent.tokens or 0) <= 410
    assert is_free_soon(proxy)


def is_free_soon(proxy: LiteLLMProxy) -> bool:
    deadline = time.monotonic() + 5
    while is_busy(proxy) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not is_busy(proxy)


def is_busy(proxy: LiteLLMProxy) -> bool:
    url = proxy.llama.base_url.removesuffix("/v1") + "/slots"
    slots = httpx2.get(url, headers={"Authorization": f"Bearer {proxy.llama.api_key}"}, trust_env=False).json()
    return any(slot["is_processing"] for slot in slots)


@pytest.mark.parametrize(
    ("model", "name"),
    [(AT_MISTRAL, "mistral_2509"), (AT_OPENAI, "vllm_reasoning"), (AT_OPENAI, "litellm_no_parser_behind")],
    ids=["Mistral's lists", "vLLM's field", "tags in the text"],
)
def test_what_litellm_makes_of_a_recording_reads_the_same(proxy: LiteLLMProxy, ask: Any, model: str, name: str) -> None:
    body, wanted = sample(name)
    proxy.recorded.play(body)
    reply, _ = ask(client_of(proxy, model=model))
    assert_read_right(reply, wanted)
    assert (reply.complete, reply.finish_reason) == (True, "stop")


@pytest.mark.parametrize("model", [AT_OPENAI, AT_MISTRAL])
def test_the_default_system_prompt_arrives_whole(proxy: LiteLLMProxy, ask: Any, model: str) -> None:
    proxy.recorded.play(sample("vllm_reasoning")[0])
    ask(client_of(proxy, model=model))
    first, last = proxy.recorded.requests[-1].json()["messages"]
    for words in ("First draft your thinking process", "Be as casual and as long as you want", "Here, provide a"):
        assert words in first["content"]
    assert last == {"role": "user", "content": "What is two and two?"}


# Errors


@pytest.mark.parametrize("key", [litellm_auth.UNKNOWN, litellm_auth.UNKNOWN_OLD, litellm_auth.NO_PREFIX])
def test_a_wrong_key_says_where_it_came_from_and_is_never_shown(proxy: LiteLLMProxy, ask: Any, key: str) -> None:
    before = proxy.calls(key)
    error = error_of(ask, client_of(proxy, key), AuthenticationError)
    assert "api_key=" in str(error)
    assert key not in "".join(traceback.format_exception(error))
    assert key not in repr(error)
    assert proxy.calls(key) == before + 1


def test_a_wrong_key_of_the_environment_is_called_by_its_variable(
    proxy: LiteLLMProxy, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAGISTRAL_API_KEY", litellm_auth.UNKNOWN)
    error = error_of(ask, Client("navigator", base_url=proxy.base_url), AuthenticationError)
    assert "$MAGISTRAL_API_KEY" in str(error)


@pytest.mark.parametrize("key", [litellm_auth.SPENT, *litellm_auth.SPENT_OLD.values()], ids=["422", "400", "429"])
def test_a_spent_budget_is_told_and_not_asked_again(proxy: LiteLLMProxy, ask: Any, key: str) -> None:
    before = proxy.calls(key)
    error = error_of(ask, client_of(proxy, key, max_retries=3), QuotaError)
    assert "Budget has been exceeded" in error.message
    assert "20.5" in error.message
    assert "Ask whoever gave you the key" in error.hint
    assert proxy.calls(key) == before + 1


@pytest.mark.parametrize("row", [None, "navigator"])
def test_an_unknown_model_is_told_with_those_there_are(proxy: LiteLLMProxy, ask: Any, row: str | None) -> None:
    client = Client(row, base_url=proxy.base_url, model="magistral-large", api_key=litellm_auth.GOOD)
    with pytest.raises((NotFoundError, BadRequestError)) as caught:
        ask(client)
    assert "magistral-large" in str(caught.value)
    assert MODEL in caught.value.hint


def test_a_key_for_other_models_is_told_from_a_wrong_key(proxy: LiteLLMProxy, ask: Any) -> None:
    client = client_of(proxy, litellm_auth.ELSEWHERE)
    error = error_of(ask, client, PermissionDeniedError)
    assert MODEL in error.message
    assert "client.models()" in error.hint
    assert client.models() == ["another-model"]


def test_too_many_questions_say_how_long_to_wait(proxy: LiteLLMProxy, request: pytest.FixtureRequest, ask: Any) -> None:
    client = client_of(proxy, litellm_auth.ONE_A_MINUTE + request.node.name, max_retries=0)
    proxy.recorded.play(sample("vllm_reasoning")[0])
    ask(client, model=AT_OPENAI)
    error = error_of(ask, client, RateLimitError, model=AT_OPENAI)
    assert 0 < error.retry_after <= 60


def test_a_prompt_that_is_too_long_names_the_window(proxy: LiteLLMProxy, ask: Any) -> None:
    error = error_of(ask, client_of(proxy), ContextLengthError, "word " * 2 * CONTEXT)
    assert error.limit == CONTEXT


def test_a_model_that_breaks_off_leaves_what_had_arrived(proxy: LiteLLMProxy, ask: Any) -> None:
    body, wanted = sample("error_cut")
    proxy.recorded.play(body, end="cut")
    error = error_of(ask, client_of(proxy, model=AT_OPENAI), StreamError)
    assert_read_right(error.partial, wanted)
    assert not error.partial.complete
