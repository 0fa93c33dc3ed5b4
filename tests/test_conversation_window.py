"""A conversation and the window of its model: how full it is, and what is left out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from magistral_nb import (
    ENDPOINTS,
    ContextLengthError,
    Conversation,
    system,
    tool,
    user,
)
from tests.playing import Played, called, playing, said
from tests.test_conversations import texts


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
