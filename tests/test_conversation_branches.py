"""Edits, other replies, forks and undo: branches, of which none is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from magistral_nb import (
    ConfigurationError,
    Conversation,
    Prompt,
    assistant,
    system,
    user,
)
from tests.playing import Played, playing, said
from tests.test_conversations import talk as talk
from tests.test_conversations import texts


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
