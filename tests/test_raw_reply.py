"""What a Magistral writes, control tokens and all: what of it is a call, and what is text, wherever it is cut."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magistral_nb.dialects import Decoder
from magistral_nb.events import AnswerDelta, Done, Event, Notice, ThinkingDelta, ToolCall, Usage
from magistral_nb.transports.raw_reply import RawReply, fresh_id

Piece = tuple[str, bool]
"""A text, and whether it is a control token."""
CONTROLS = ("[THINK]", "[/THINK]", "[TOOL_CALLS]", "[CALL_ID]", "[ARGS]", "</s>", "[INST]")


def pieces(written: str) -> list[Piece]:
    """Cut a text in which control tokens stand in double angles: `«[THINK]»why«[/THINK]»so`."""
    return [(piece.strip("«»"), piece.startswith("«")) for piece in re.split("(«[^»]*»)", written) if piece.strip("«»")]


def read(
    written: Sequence[Piece], finish: Literal["stop", "length"] = "stop", *, opened: str = ""
) -> tuple[list[Event], list[dict[str, Any]]]:
    """Return the events that our own decoder makes of it, and the chunks."""
    reply, decoder = RawReply("m", opened=opened), Decoder()
    chunks = [chunk for text, control in written for chunk in reply.feed(text, control=control)]
    chunks += reply.close(finish, prompt_tokens=7)
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    return events + decoder.flush() + decoder.close(), chunks


def texts(events: Sequence[Event]) -> tuple[str, str]:
    thinking = "".join(event.text for event in events if isinstance(event, ThinkingDelta))
    return thinking, "".join(event.text for event in events if isinstance(event, AnswerDelta))


def calls(events: Sequence[Event]) -> list[tuple[str, Any]]:
    return [(event.name, json.loads(event.arguments)) for event in events if isinstance(event, ToolCall)]


def done(events: Sequence[Event]) -> Done:
    (last,) = [event for event in events if isinstance(event, Done)]
    return last


def test_thinking_and_answer_are_told_apart_and_the_end_is_dropped() -> None:
    events, _ = read(pieces("«[THINK]»7 · 13«[/THINK]»No.«</s>»"))
    assert texts(events) == ("7 · 13", "No.")
    assert done(events).finish_reason == "stop"


def test_tokens_are_counted_and_those_of_the_thought_apart() -> None:
    events, _ = read(pieces("«[THINK]»why«[/THINK]»so«</s>»"))
    (usage,) = [event for event in events if isinstance(event, Usage)]
    assert (usage.prompt_tokens, usage.completion_tokens, usage.reasoning_tokens) == (7, 5, 2)


def test_a_call_after_the_thought_is_a_call() -> None:
    events, _ = read(pieces('«[THINK]»add«[/THINK]»«[TOOL_CALLS]»add«[ARGS]»{"a": 1}«</s>»'))
    assert texts(events) == ("add", "")
    assert calls(events) == [("add", {"a": 1})]
    assert done(events).finish_reason == "tool_calls"


def test_several_calls_have_ids_of_their_own() -> None:
    events, _ = read(pieces("«[TOOL_CALLS]»one«[CALL_ID]»abcdefghi«[ARGS]»{}«[TOOL_CALLS]»two«[ARGS]»{}"))
    first, second = (event for event in events if isinstance(event, ToolCall))
    assert first.id == "abcdefghi"
    assert re.fullmatch("[a-zA-Z0-9]{9}", second.id)
    assert fresh_id() != fresh_id()


def test_a_call_by_name_only_looks_like_one_when_it_was_typed_as_text() -> None:
    written = "Models write [TOOL_CALLS]add[ARGS]{} and </s>"
    events, _ = read([(written, False)])
    assert texts(events) == ("", written)
    assert not calls(events)


def test_a_call_in_the_middle_of_a_thought_ends_the_thought() -> None:
    events, _ = read(pieces("«[THINK]»I should add.«[TOOL_CALLS]»add«[ARGS]»{}«</s>»"))
    assert texts(events) == ("I should add.", "")
    assert calls(events) == [("add", {})]


@pytest.mark.parametrize("broken", ['add«[ARGS]»{"a": ', "add", "«[ARGS]»{}", "a b«[ARGS]»{}"])
def test_a_call_that_is_not_whole_is_given_back_as_text(broken: str) -> None:
    events, _ = read(pieces(f"«[THINK]»hm«[/THINK]»Let me see. «[TOOL_CALLS]»{broken}"), "length")
    said = re.sub("[«»]", "", broken)
    assert texts(events) == ("hm", f"Let me see. [TOOL_CALLS]{said}")
    assert not calls(events)
    assert done(events).finish_reason == "length"
    assert [event.code for event in events if isinstance(event, Notice)] == ["broken_call"]


def test_an_end_that_is_none_stays_in_the_text() -> None:
    events, _ = read(pieces("one«</s>»two«</s>»"))
    assert texts(events) == ("", "one</s>two")


def test_a_thought_that_the_prompt_opened_is_a_thought() -> None:
    events, _ = read(pieces("why«[/THINK]»so"), opened="[THINK]")
    assert texts(events) == ("why", "so")
    events, _ = read([("why</think>so", False)], opened="<think>")
    assert texts(events) == ("why", "so")


def test_a_reply_of_nothing_still_ends_in_order() -> None:
    events, chunks = read([("</s>", True)])
    assert texts(events) == ("", "")
    assert chunks[-1] == {"magistral": {"done": True}}


WRITTEN = st.lists(
    st.one_of(
        st.sampled_from(CONTROLS).map(lambda token: (token, True)),
        st.sampled_from(["", "add", "{}", '{"a": "[ARGS]"}', "[TOOL_CALLS]", "</s>", "é – 🐊", "abcdefghi"]).map(
            lambda text: (text, False)
        ),
    ),
    max_size=14,
)


def told(chunks: Sequence[dict[str, Any]]) -> tuple[str, list[tuple[str, str]], str]:
    """Return content, calls and finish reason of chunks."""
    choices = [choice for chunk in chunks for choice in chunk.get("choices", [])]
    content = "".join(choice["delta"].get("content", "") for choice in choices)
    functions = [call["function"] for choice in choices for call in choice["delta"].get("tool_calls", [])]
    return content, [(one["name"], one["arguments"]) for one in functions], choices[-1]["finish_reason"]


@given(WRITTEN, st.randoms(use_true_random=False))
def test_no_cut_changes_what_is_told(written: list[Piece], random: Any) -> None:
    joined: list[Piece] = []
    for text, control in written:  # neighbouring texts are one text
        if joined and not control and not joined[-1][1]:
            joined[-1] = (joined[-1][0] + text, False)
        else:
            joined.append((text, control))
    cut: list[Piece] = []
    for text, control in joined:
        place = random.randint(0, len(text))
        cut += [(text, True)] if control else [(text[:place], False), (text[place:], False)]
    assert told(read(joined)[1]) == told(read(cut)[1])


@given(WRITTEN)
def test_nothing_is_lost(written: list[Piece]) -> None:
    _, chunks = read(written)
    kept = json.dumps([chunk.get("choices") for chunk in chunks], ensure_ascii=False)
    for letter in "é🐊":
        assert kept.count(letter) == "".join(text for text, _ in written).count(letter)
