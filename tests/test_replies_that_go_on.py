"""Replies that were cut off go on where they ended, as thoughts or as answers."""

from __future__ import annotations

from typing import Any

import pytest

from magistral_nb import (
    ENDPOINTS,
    ConfigurationError,
    ConnectionLostError,
    Conversation,
    Endpoint,
)
from magistral_nb.dialects import Dialect
from tests.playing import playing, said
from tests.test_conversations import GOES_ON


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
