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
    ContextLengthError,
    Conversation,
    Endpoint,
    MissingKeyError,
    Prompt,
    ThinkingDelta,
    assistant,
    system,
    tool,
    user,
)
from magistral_nb.call_settings import CallSettings
from magistral_nb.dialects import Dialect
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


def test_edit_regenerate_and_undo_make_branches_and_lose_nothing(talk: tuple[Conversation, Played]) -> None:
    conversation, played = talk
    played.play(said("", "B2"), said("", "b3"), said("", "c"))
    first = conversation.turns
    assert conversation.chat("x?").answer == "4"
    undone = conversation.undo()
    assert undone.question == "x?"
    assert conversation.edit(1, text="B?").answer == "B2"
    assert texts(played) == ["a?", "one", "B?"]
    assert conversation.regenerate().answer == "b3"
    assert texts(played) == ["a?", "one", "B?"]
    assert [turn.answer for turn in conversation.siblings()] == ["two", "B2", "b3"]
    conversation.chat("c?")
    assert texts(played) == ["a?", "one", "B?", "b3", "c?"]
    assert conversation.switch(first[1]).question == "x?"  # down to the newest turn below
    assert [turn.answer for turn in conversation.turns] == ["one", "two", "4"]
    assert {turn.answer for turn in conversation.branches} == {"4", "B2", "c"}


def test_a_fork_goes_its_own_way(talk: tuple[Conversation, Played]) -> None:
    conversation, played = talk
    fork = conversation.fork(at=0)
    fork.chat("f?")
    assert texts(played) == ["a?", "one", "f?"]
    conversation.chat("c?")
    assert texts(played) == ["a?", "one", "b?", "two", "c?"]
    assert [turn.question for turn in conversation.fork(at=conversation.turns[1]).turns] == ["a?", "b?"]
    assert [turn.question for turn in conversation.fork().turns] == ["a?", "b?", "c?"]


def test_an_edited_question_keeps_its_picture_and_its_settings() -> None:
    client, played = playing()
    played.play(said("T", "A"))
    conversation = Conversation(client)
    conversation.chat(user("What is it?", images=["https://example.org/a.png"]), seed=7)
    conversation.edit(0, text="And now?")
    assert texts(played) == [
        [
            {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
            {"type": "text", "text": "And now?"},
        ]
    ]
    assert played.bodies[-1]["seed"] == 7


def test_what_is_not_there_is_told(talk: tuple[Conversation, Played]) -> None:
    conversation, _ = talk
    stranger = Conversation(conversation.client)
    mistakes: list[tuple[Callable[[], Any], str]] = [
        (lambda: stranger.undo(), "Nothing has been said yet"),
        (lambda: stranger.regenerate(), "Nothing has been said yet"),
        (lambda: conversation.edit(2, text="x"), "There is no turn 2: 2 turns have been said"),
        (lambda: stranger.switch(conversation.turns[0]), "not part of this conversation"),
        (lambda: conversation.continue_reply(), "The last reply is whole"),
        (lambda: conversation.chat([system("Be terse."), user("q")]), "this one has begun"),
        (lambda: conversation.chat([user("q"), assistant("It is")]), "nothing to answer"),
        (lambda: conversation.chat(Prompt.render([user("q")])), "whole conversation already"),
        (lambda: Conversation(conversation.client, keep_thinking="some"), "keep_thinking"),  # type: ignore[arg-type]  # the mistake
        (lambda: Conversation(conversation.client, on_overflow="cut"), "on_overflow"),  # type: ignore[arg-type]  # the mistake
    ]
    for mistake, words in mistakes:
        with pytest.raises(ConfigurationError, match=words):
            mistake()
    assert len(conversation.turns) == 2


# Turns that were cut off


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


@pytest.mark.parametrize("how", GOES_ON)
@pytest.mark.parametrize(
    "rest",
    [said(" thought.", "Four."), said("", " thought.[/THINK]Four.")],
    ids=["told apart by the server", "left in the text"],
)
def test_a_thought_goes_on_as_a_thought(how: str, rest: Any) -> None:
    row, sent = GOES_ON[how]
    client, played = playing(row)
    played.play(said("Half a", finish="length", usage=(10, 5)), [*rest, *said(usage=(15, 7))])
    conversation = Conversation(client)
    assert conversation.chat("a?", max_tokens=5).finish_reason == "length"
    assert conversation.turns[0].state == "length"
    reply = conversation.continue_reply(max_tokens=50)
    assert played.messages == [{"role": "user", "content": "a?"}, {"role": "assistant", **sent}]
    assert (reply.thinking, reply.answer, reply.finish_reason) == ("Half a thought.", "Four.", "stop")
    assert [(turn.state, turn.reply) for turn in conversation.turns] == [("whole", reply)]
    assert len(conversation.branches) == 1
    assert reply.usage
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (25, 12)
    assert "no_answer" not in [notice.code for notice in reply.notices]


def test_a_thought_that_is_cut_again_is_still_a_thought() -> None:
    client, played = playing("llama-server")
    played.play(said("Half a", finish="length"), said("", " thought, and", finish="length"))
    conversation = Conversation(client)
    conversation.chat("a?")
    reply = conversation.continue_reply()
    assert (reply.thinking, reply.answer) == ("Half a thought, and", "")


def test_an_answer_goes_on_after_a_lost_connection() -> None:
    client, played = playing()
    played.play(said("T", "Two and", finish=None), said("", " two is", finish=None), said("", " four."))
    conversation = Conversation(client)
    for _ in range(2):
        with pytest.raises(ConnectionLostError):
            (conversation.continue_reply if conversation.turns else lambda: conversation.chat("a?"))()
    assert conversation.turns[0].answer == "Two and two is"
    with conversation.stream_continue() as stream:
        new = "".join(stream.text_stream)
    assert new == " four."
    assert stream.reply.answer == "Two and two is four."
    assert stream.reply.thinking == "T"
    assert [turn.state for turn in conversation.turns] == ["whole"]
    assert played.messages[-1]["content"] == [
        {"type": "thinking", "thinking": "T"},
        {"type": "text", "text": "Two and two is"},
    ]


def test_a_reply_with_branches_below_is_kept_beside_the_one_that_goes_on() -> None:
    client, played = playing()
    played.play(said("T", "Half", finish="length"), said("", "next"), said("", " and whole"))
    conversation = Conversation(client)
    conversation.chat("a?")
    conversation.chat("b?")
    conversation.undo()
    conversation.continue_reply()
    assert [turn.answer for turn in conversation.siblings()] == ["Half", "Half and whole"]
    assert {turn.answer for turn in conversation.branches} == {"next", "Half and whole"}


SPELLS_APART = Endpoint(name="campus", base_url="http://127.0.0.1:9/v1", dialect=Dialect(history="reasoning"))


@pytest.mark.parametrize(
    ("row", "words"),
    [(ENDPOINTS["ollama"], "cannot continue one"), (SPELLS_APART, "not a thought: it would close it")],
)
def test_where_a_server_cannot_go_on_it_is_said_with_what_to_do(row: Endpoint, words: str) -> None:
    client, played = playing(row, model="magistral-small")
    played.play(said("Half a", finish="length"))
    conversation = Conversation(client)
    conversation.chat("a?")
    with pytest.raises(ConfigurationError, match=words) as caught:
        conversation.continue_reply()
    assert "regenerate(max_tokens=" in caught.value.hint
    assert len(played.bodies) == 1
    assert [turn.state for turn in conversation.turns] == ["length"]


# Calls of functions


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


def windowed(context: int, **settings: Any) -> tuple[Conversation, Played]:
    client, played = playing(replace(ENDPOINTS["vllm"], context=context), system=None)
    played.play(said("", "word " * 100))
    return Conversation(client, **settings), played


def test_the_context_says_how_full_the_window_is() -> None:
    conversation, _ = windowed(1000)
    empty = conversation.context
    assert (empty.used < 10, empty.limit) == (True, 1000)
    conversation.chat("a?")
    used, limit = conversation.context
    assert used > 100
    assert limit == 1000


def test_a_conversation_that_no_longer_fits_is_refused_by_default() -> None:
    conversation, played = windowed(200)
    for _ in range(4):
        conversation.chat("a?")
    with pytest.raises(ContextLengthError, match="can hold 200") as caught:
        conversation.chat("b?" * 200)
    assert "on_overflow='trim'" in caught.value.hint
    assert len(played.bodies) == 4
    assert len(conversation.turns) == 4


def test_trimming_leaves_out_the_oldest_turns_and_says_so() -> None:
    conversation, played = windowed(1000, on_overflow="trim")
    conversation.chat([system("Be terse."), user("q0?")])
    for number in range(1, 12):
        reply = conversation.chat(f"q{number}?")
    assert len(conversation.turns) == 12
    assert played.bodies[-1]["messages"][0] == {"role": "system", "content": "Be terse."}
    assert texts(played)[-1] == "q11?"
    first = texts(played)[0]
    assert first not in ("q0?", "q11?")
    (notice,) = [notice for notice in reply.notices if notice.code == "history_trimmed"]
    assert f"the {first[1:-1]} oldest turns" in notice.text
    assert "“q0?”" in notice.text
    prompt = conversation.preview("q12?")
    assert "q0?" not in prompt.text
    assert "Be terse." in prompt.text


def test_trimming_never_parts_a_call_from_its_result() -> None:
    conversation, played = windowed(1000, on_overflow="trim")
    played.scripts = [called("f"), said("", "word " * 100)]
    long = "word " * 120
    conversation.chat(long)
    conversation.chat([tool("1", tool_call_id="call00000")])
    while texts(played)[0] == long:
        conversation.chat("q?")
    assert not [message for message in played.messages if message["role"] == "tool" or "tool_calls" in message]


def test_a_window_that_only_the_server_knows_is_trimmed_to_as_well() -> None:
    client, played = playing(system=None)
    played.play(said("", "word " * 100))
    conversation = Conversation(client, on_overflow="trim")
    for _ in range(8):
        conversation.chat("a?")
    played.scripts = [[ContextLengthError("Too long.", limit=1000)], said("", "fits")]
    with conversation.stream("b?") as stream:
        kinds = [event.type for event in stream]
    assert kinds.count("started") == 1
    assert stream.reply.answer == "fits"
    assert "history_trimmed" in [notice.code for notice in stream.reply.notices]
    assert len(played.bodies[-1]["messages"]) < len(played.bodies[-2]["messages"])
    assert conversation.context.limit == 1000


# What it took


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
