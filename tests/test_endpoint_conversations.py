"""Every provider, with all that its server can send, for three turns: read right, and sent back as it reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from magistral_nb import (
    ENDPOINTS,
    Client,
    ConfigurationError,
    ConnectionLostError,
    Endpoint,
    NotAnAPIError,
    ServerStreamError,
    assistant,
    user,
)
from magistral_nb.dialects import Dialect, KeepThinking
from tests.fake_server import FakeServer
from tests.provider_samples import ANYBODY, BREAKS, HISTORY, SENDS
from tests.test_dialect_samples import assert_read_right, sample

QUESTIONS = ("What is two and two?", "Are you sure?", "Why?")
SERVERS = [name for name, row in ENDPOINTS.items() if row.engine == "http"]
POLICIES: tuple[KeepThinking, ...] = ("none", "last", "all")
STRINGS_ONLY = [name for name in SERVERS if ENDPOINTS[name].dialect.thought_chunk == "no"]


def client_of(row: Endpoint, server: FakeServer, **settings: Any) -> Client:
    row = replace(row, base_url=server.base_url, model=row.model or "my-dedicated-endpoint")
    return Client(row, api_key="x", max_retries=0, **settings)


def three_turns(client: Client, name: str) -> None:
    """Ask three times, and keep what was said as a conversation does."""
    said = []
    for question in QUESTIONS:
        said.append(user(question))
        reply = client.chat(said)
        assert_read_right(reply, sample(name)[1])
        said.append(assistant(reply.answer, thinking=reply.thinking))


SPELLED: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "chunks with lists": lambda thinking, answer: {
        "content": [
            {"type": "thinking", "thinking": [{"type": "text", "text": thinking}]},
            {"type": "text", "text": answer},
        ]
    },
    "chunks with strings": lambda thinking, answer: {
        "content": [{"type": "thinking", "thinking": thinking}, {"type": "text", "text": answer}]
    },
    "reasoning": lambda thinking, answer: {"content": answer, "reasoning": thinking},
    "[THINK]": lambda thinking, answer: {"content": f"[THINK]{thinking}[/THINK]{answer}"},
    "<think>": lambda thinking, answer: {"content": f"<think>\n{thinking}\n</think>\n{answer}"},
}


def assert_sent_back(request: dict[str, Any], kind: str, name: str, keep: KeepThinking, *, system: bool) -> None:
    wanted = sample(name)[1]
    thinking, answer = wanted["thinking"], wanted["answer"]
    dropped = {"role": "assistant", "content": answer}
    kept = {"role": "assistant", **SPELLED[kind](thinking, answer)} if thinking else dropped
    turns = {"none": (dropped, dropped), "last": (dropped, kept), "all": (kept, kept)}[keep]
    said = [{"role": "user", "content": question} for question in QUESTIONS]
    messages = request["messages"]
    assert messages[-5:] == [said[0], turns[0], said[1], turns[1], said[2]]
    assert [message["role"] for message in messages[:-5]] == (["system"] if system else [])


FIRST_OF_A_KIND = {kind: name for name, kind in reversed(list(HISTORY.items()))}.values()
CASES = [
    pytest.param(name, each, keep, id=f"{name}-{each}-{keep}")
    for name in SERVERS
    for each, keep in [
        *((each, keep) for each in SENDS.get(name, ()) for keep in POLICIES),
        *((each, "all") for each in ANYBODY if name in FIRST_OF_A_KIND),
    ]
]


@pytest.mark.parametrize(("name", "each", "keep"), CASES)
def test_three_turns(server: FakeServer, name: str, each: str, keep: KeepThinking) -> None:
    row = ENDPOINTS[name]
    server.play(sample(each)[0], slice=61)
    three_turns(client_of(row, server, keep_thinking=keep), each)
    assert len(server.requests) == 3
    assert_sent_back(server.requests[2].json(), HISTORY[name], each, keep, system=row.system)


@pytest.mark.parametrize("name", [name for name in SERVERS if ENDPOINTS[name].system])
def test_the_thinking_example_of_the_default_prompt(server: FakeServer, name: str) -> None:
    server.play(sample("vllm_reasoning")[0])
    client_of(ENDPOINTS[name], server).chat("What is two and two?")
    content = server.requests[0].json()["messages"][0]["content"]
    if HISTORY[name] == "chunks with strings":
        assert [part["type"] for part in content] == ["text", "thinking", "text"]
        assert content[1]["thinking"].startswith("Your thoughts")
    else:
        tag = "<think>\n" if "2506" in (ENDPOINTS[name].revision or ENDPOINTS[name].model or "") else "[THINK]"
        assert f"{tag}Your thoughts or/and draft" in content


LAST_KEPT: dict[str, dict[str, Any]] = {
    "chunks with lists": {
        "content": [
            {"type": "thinking", "thinking": [{"type": "text", "text": "Two and two."}]},
            {"type": "text", "text": "4"},
        ]
    },
    "chunks with strings": {
        "content": [{"type": "thinking", "thinking": "Two and two."}, {"type": "text", "text": "4"}]
    },
    "reasoning": {"content": "4", "reasoning": "Two and two."},
    "reasoning_content": {"content": "4", "reasoning_content": "Two and two."},
    "[THINK]": {"content": "[THINK]Two and two.[/THINK]4"},
    "<think>": {"content": "<think>\nTwo and two.\n</think>\n4"},
}
"""What the second turn looks like in the third request, spelling by spelling."""
SPELLED_APART = Endpoint(name="campus", dialect=Dialect(history="reasoning_content"))
ONE_OF_EACH = {
    "chunks with lists": ENDPOINTS["mistral"],
    "chunks with strings": ENDPOINTS["vllm"],
    "reasoning": ENDPOINTS["openrouter"],
    "reasoning_content": SPELLED_APART,
    "[THINK]": ENDPOINTS["llama-server"],
    "<think>": ENDPOINTS["together"],
}


@pytest.mark.parametrize("kind", LAST_KEPT)
def test_the_third_request_word_for_word(server: FakeServer, kind: str) -> None:
    server.play(sample("vllm_reasoning")[0])
    three_turns(client_of(ONE_OF_EACH[kind], server, keep_thinking="last"), "vllm_reasoning")
    assert server.requests[2].json()["messages"][-5:] == [
        {"role": "user", "content": "What is two and two?"},
        {"role": "assistant", "content": "4"},
        {"role": "user", "content": "Are you sure?"},
        {"role": "assistant", **LAST_KEPT[kind]},
        {"role": "user", "content": "Why?"},
    ]


@pytest.mark.parametrize("name", STRINGS_ONLY)
def test_a_server_that_reads_plain_strings_never_gets_a_list(server: FakeServer, name: str) -> None:
    server.play(sample("vllm_reasoning")[0])
    three_turns(client_of(ENDPOINTS[name], server, keep_thinking="all"), "vllm_reasoning")
    sent = [message["content"] for request in server.requests for message in request.json()["messages"]]
    assert {type(content) for content in sent} == {str}


BROKEN = [pytest.param(name, each, id=f"{name}-{each}") for name in BREAKS for each in BREAKS[name]]
ERRORS = {"error_cut": ConnectionLostError, "error_html_200": NotAnAPIError}


@pytest.mark.parametrize(("name", "each"), BROKEN)
def test_a_stream_that_fails_keeps_what_had_arrived(server: FakeServer, name: str, each: str) -> None:
    body, wanted = sample(each)
    server.play(body, slice=7)
    with pytest.raises(ERRORS.get(each, ServerStreamError)) as caught:
        client_of(ENDPOINTS[name], server).chat("What is two and two?")
    assert_read_right(caught.value.partial, wanted)
    assert caught.value.endpoint == name


CONTINUES = {
    "vllm": "continue_final_message",
    "sglang": "continue_final_message",
    "mistral": "prefix",
    "litellm": "prefix",
    "llama-server": "as it is",
    "openrouter": "as it is",
}
BEGUN = [user("What is two and two?"), assistant("It is")]


@pytest.mark.parametrize("name", SERVERS)
def test_a_reply_is_continued_where_the_server_can(server: FakeServer, name: str) -> None:
    client = client_of(ENDPOINTS[name], server)
    server.play(sample("vllm_reasoning")[0])
    if name not in CONTINUES:
        with pytest.raises(ConfigurationError, match="cannot continue"):
            client.chat(BEGUN)
        assert server.requests == []
        return
    client.chat(BEGUN)
    request = server.requests[0].json()
    marks = {"prefix": True} if CONTINUES[name] == "prefix" else {}
    assert request["messages"][-1] == {"role": "assistant", "content": "It is", **marks}
    assert request.get("continue_final_message", False) == (CONTINUES[name] == "continue_final_message")
