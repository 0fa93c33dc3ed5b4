"""Conversations: what is sent again, branches, turns that were cut off, and replies that go on."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from magistral_nb import (
    ENDPOINTS,
    APIConnectionError,
    Client,
    ConfigurationError,
    ConnectionLostError,
    Conversation,
    Endpoint,
    MissingKeyError,
    ThinkingDelta,
    tool,
)
from magistral_nb.call_settings import CallSettings
from tests.fake_server import FakeServer
from tests.playing import Played, called, playing, said
from tests.test_dialect_samples import sample
from tests.test_endpoint_conversations import ONE_OF_EACH, QUESTIONS, SPELLED, client_of

Spelling = Callable[[str, str], dict[str, Any]]
SPELLINGS: dict[str, Spelling] = {
    **SPELLED,
    "reasoning_content": lambda thinking, answer: {"content": answer, "reasoning_content": thinking},
}


@pytest.fixture
def talk() -> tuple[Conversation, Played]:
    """Give a conversation of two turns, with a server that goes on saying "4"."""
    client, played = playing()
    played.play(said("T1", "one"), said("T2", "two"), said("T", "4"))
    conversation = Conversation(client)
    conversation.chat("a?")
    conversation.chat("b?")
    return conversation, played


def texts(played: Played) -> list[Any]:
    return [message["content"] for message in played.messages]


# Thinking that is sent again


@pytest.mark.parametrize("keep", ["none", "last", "all"])
@pytest.mark.parametrize("kind", ONE_OF_EACH)
def test_the_third_request_holds_the_thinking_that_was_asked_for(server: FakeServer, kind: str, keep: Any) -> None:
    server.play(sample("vllm_reasoning")[0])
    wanted = sample("vllm_reasoning")[1]
    talk = Conversation(client_of(ONE_OF_EACH[kind], server), keep_thinking=keep)
    for question in QUESTIONS:
        talk.chat(question)
    kept = {"role": "assistant", **SPELLINGS[kind](wanted["thinking"], wanted["answer"])}
    dropped = {"role": "assistant", "content": wanted["answer"]}
    turns = {"none": (dropped, dropped), "last": (dropped, kept), "all": (kept, kept)}[keep]
    asked = [{"role": "user", "content": question} for question in QUESTIONS]
    assert server.requests[2].json()["messages"][-5:] == [asked[0], turns[0], asked[1], turns[1], asked[2]]


def test_the_conversation_s_policy_wins_over_the_client_s_and_a_call_s_over_both() -> None:
    client, played = playing(keep_thinking="all")
    played.play(said("T", "A"))
    calls: list[tuple[Conversation, CallSettings, bool]] = [
        (Conversation(client), {}, True),
        (Conversation(client, keep_thinking="none"), {}, False),
        (Conversation(client, keep_thinking="none"), {"keep_thinking": "last"}, True),
    ]
    for conversation, call, kept in calls:
        conversation.chat("a?")
        conversation.chat("b?", **call)
        assert isinstance(played.messages[1]["content"], list) == kept


def test_a_preview_shows_what_is_sent_again_and_sends_nothing(talk: tuple[Conversation, Played]) -> None:
    conversation, played = talk
    prompt = conversation.preview("c?", keep_thinking="last")
    assert [text for kind, text in prompt.parts if kind == "text"][-6:] == ["a?", "one", "b?", "T2", "two", "c?"]
    assert len(prompt.dropped) == 1
    assert conversation.preview().text.endswith("[INST]b?[/INST]two</s>[INST][/INST]")
    assert len(played.bodies) == 2
    assert len(conversation.turns) == 2


# Branches


@pytest.mark.parametrize("keep", ["none", "last", "all"])
def test_a_reply_stopped_while_thinking_stays_and_roles_alternate(keep: Any) -> None:
    client, played = playing("llama-server")
    played.play(said("Half a thought", "x"), said("T", "A"))
    conversation = Conversation(client, keep_thinking=keep)
    with conversation.stream("a?") as stream:
        for event in stream:
            if isinstance(event, ThinkingDelta):
                break
    assert played.closed == 1
    assert [(turn.state, turn.thinking, turn.answer) for turn in conversation.turns] == [
        ("interrupted", "Half a thought", "")
    ]
    conversation.chat("b?")
    if keep == "none":
        assert played.messages == [{"role": "user", "content": "a?\n\nb?"}]
    else:
        assert texts(played) == ["a?", "[THINK]Half a thought[/THINK]", "b?"]


def test_a_stream_that_is_dropped_leaves_a_marked_turn_and_frees_the_conversation() -> None:
    client, played = playing()
    played.play(said("T", "A"))
    conversation = Conversation(client)
    for event in conversation.stream("a?"):
        if isinstance(event, ThinkingDelta):
            break
    gc.collect()
    assert [turn.state for turn in conversation.turns] == ["interrupted"]
    assert conversation.chat("b?").answer == "A"


def test_a_question_without_a_word_stays_and_is_not_sent_twice() -> None:
    client, played = playing()
    played.play([APIConnectionError("Nobody listens.")], said("T", "A"))
    conversation = Conversation(client)
    with pytest.raises(APIConnectionError):
        conversation.chat("a?")
    failed = conversation.turns[0]
    assert (failed.state, failed.question, failed.spoke) == ("failed", "a?", False)
    assert failed.failed
    assert failed.failed.message == "Nobody listens."
    conversation.chat("b?")
    assert texts(played) == ["b?"]
    conversation.regenerate(0)
    assert texts(played) == ["a?"]
    assert [turn.state for turn in conversation.siblings()] == ["failed", "whole"]


def test_what_was_never_sent_is_no_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    conversation = Conversation(Client("navigator"))
    with pytest.raises(MissingKeyError):
        conversation.chat("a?")
    with pytest.raises(ConfigurationError, match="temprature"):
        conversation.chat("a?", temprature=1)  # type: ignore[call-arg]  # the mistake is the test
    assert conversation.turns == ()
    conversation.stream("a?").close()  # nor was this
    assert conversation.turns == ()


def test_a_failure_in_the_middle_keeps_what_came() -> None:
    client, played = playing()
    played.play(said("T", "Half", finish=None))
    conversation = Conversation(client)
    with pytest.raises(ConnectionLostError) as caught:
        conversation.chat("a?")
    assert caught.value.partial is conversation.turns[0].reply
    assert (conversation.turns[0].state, conversation.turns[0].answer) == ("failed", "Half")


def test_one_reply_at_a_time() -> None:
    client, played = playing()
    played.play(said("T", "A"))
    conversation = Conversation(client)
    with conversation.stream("a?") as stream:
        next(stream)
        for verb in (lambda: conversation.chat("b?"), lambda: conversation.stream("b?"), lambda: conversation.undo()):
            with pytest.raises(ConfigurationError, match="still coming in"):
                verb()
        assert conversation.fork().chat("c?").answer == "A"  # beside it is allowed
        list(stream)
    assert [turn.question for turn in conversation.turns] == ["a?"]


def test_one_reply_at_a_time_on_an_event_loop() -> None:
    client, played = playing()
    played.play(said("T", "A"))
    conversation = Conversation(client)

    async def both() -> tuple[Any, Any]:
        return await asyncio.gather(conversation.achat("a?"), conversation.achat("b?"), return_exceptions=True)

    first, second = asyncio.run(both())
    assert first.answer == "A"
    assert isinstance(second, ConfigurationError)
    assert [turn.question for turn in conversation.turns] == ["a?"]


def test_the_async_verbs_do_the_same() -> None:
    client, played = playing()
    played.play(said("T", "one"), said("Half", finish="length"), said(" done", "two"), said("", "three"), said("", "4"))
    conversation = Conversation(client)

    async def ask() -> None:
        await conversation.achat("a?")
        async with conversation.astream("b?") as stream:
            async for _ in stream:
                pass
        assert (await conversation.acontinue_reply()).answer == "two"
        await conversation.aregenerate()
        await conversation.aedit(0, text="A?")

    asyncio.run(ask())
    assert [(turn.question, turn.thinking, turn.answer) for turn in conversation.tree.turns] == [
        ("a?", "T", "one"),
        ("b?", "Half done", "two"),
        ("b?", "", "three"),
        ("A?", "", "4"),
    ]


# Replies that go on


GOES_ON: dict[str, tuple[Endpoint, dict[str, Any]]] = {
    "in chunks": (
        ENDPOINTS["vllm"],
        {"content": [{"type": "thinking", "thinking": "Half a", "closed": False}]},
    ),
    "as text": (ENDPOINTS["llama-server"], {"content": "[THINK]Half a"}),
    "as a prefix": (ENDPOINTS["litellm"], {"content": "[THINK]Half a", "prefix": True}),
    "as text of 2506": (replace(ENDPOINTS["llama-server"], revision="2506"), {"content": "<think>\nHalf a"}),
}


def test_calls_and_their_results_are_sent_and_calls_without_a_result_are_not() -> None:
    client, played = playing()
    played.play(called("f", "g"), called("h"), said("", "done"))
    conversation = Conversation(client)
    conversation.chat("a?")
    conversation.chat([tool("1", tool_call_id="call00000"), tool("2", tool_call_id="call00001")])
    assert [message["role"] for message in played.messages] == ["user", "assistant", "tool", "tool"]
    conversation.chat("b?")  # h was never called
    assert [message["role"] for message in played.messages] == ["user", "assistant", "tool", "tool", "user"]
    with pytest.raises(ConfigurationError, match="no text of the user's"):
        conversation.edit(1, text="x")


# The window


def test_usage_and_cost_count_every_branch_and_invent_nothing() -> None:
    client, played = playing("navigator", model="magistral-small")
    played.play(said("T", "A", usage=(100, 50)), said("T", "B", usage=(100, 70)), said("T", "C"))
    conversation = Conversation(client)
    assert (conversation.usage, conversation.cost) == (None, None)
    conversation.chat("a?")
    conversation.regenerate()
    assert conversation.usage
    assert (conversation.usage.prompt_tokens, conversation.usage.completion_tokens) == (200, 120)
    assert conversation.cost == pytest.approx(320 * 0.99 / 1_000_000)
    unpriced, played = playing()
    played.play(said("T", "A", usage=(100, 50)))
    free = Conversation(unpriced)
    free.chat("a?")
    assert free.usage
    assert free.cost is None
