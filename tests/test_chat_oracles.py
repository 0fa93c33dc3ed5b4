"""Mistral's own readers judge our prompts: mistral-common every one, its generated template all but a list of cases."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings

from magistral_nb.chat_format import Prompt
from magistral_nb.errors import TemplateError
from tests.chat_conversations import (
    PIXEL,
    WEATHER,
    Conversation,
    Json,
    Taste,
    broken_conversations,
    conversations,
    plain_texts,
)
from tests.chat_oracles import control_ids, ids_of, judge, official_template

MANY = settings(max_examples=70, deadline=None, suppress_health_check=[HealthCheck.too_slow])
BOTH = pytest.mark.parametrize("revision", ["2506", "2509"])
WITHOUT_THOUGHTS = Taste(thoughts=False, pictures=True)
WITH_PICTURES = Taste(pictures=True)


def taste_of(revision: str) -> Taste:
    """Mistral-common refuses every thought in 2506's format, and we do not: see `ours` in the vectors."""
    return WITHOUT_THOUGHTS if revision == "2506" else WITH_PICTURES


def prompt_of(conversation: Conversation, revision: str) -> Prompt | None:
    try:
        return Prompt.render(conversation.messages, revision=revision, **conversation.arguments)
    except TemplateError:
        return None


def agree(conversation: Conversation, revision: str) -> bool:
    """Check that mistral-common and we make the same of a conversation, and tell whether it is a prompt."""
    theirs = judge(copy.deepcopy(conversation.messages), revision, **conversation.arguments)
    ours = prompt_of(conversation, revision)
    assert (ours.text if ours else None) == theirs.text, theirs.error
    if ours:
        assert ids_of(ours.parts, revision) == theirs.ids
        assert len(control_ids(theirs.ids)) == sum(kind == "control" for kind, _ in ours.parts)
    return ours is not None


@BOTH
def test_mistral_common_makes_the_same_text_and_the_same_ids(revision: str) -> None:
    @MANY
    @given(conversations(taste_of(revision)))
    def check(conversation: Conversation) -> None:
        assert agree(conversation, revision)

    check()


@BOTH
def test_mistral_common_refuses_what_we_refuse(revision: str) -> None:
    seen = {True: 0, False: 0}

    @MANY
    @given(broken_conversations(taste_of(revision)))
    def check(conversation: Conversation) -> None:
        assume(revision != "2506" or not _thinks(conversation))
        seen[agree(conversation, revision)] += 1

    check()
    assert min(seen.values()) > 10  # both kinds were drawn


def test_a_thought_in_2506_is_the_text_it_was_trained_on() -> None:
    """Written by hand in a plain text, which mistral-common takes, a thought gives the same ids as our thought does."""
    by_hand: list[Json] = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "<think>\nT [/INST]\n</think>\nA"},
        {"role": "user", "content": "r"},
    ]
    thought = {"type": "thinking", "thinking": "T [/INST]"}
    reply: Json = {"role": "assistant", "content": [thought, {"type": "text", "text": "A"}]}
    apart: list[Json] = [by_hand[0], reply, by_hand[2]]
    prompt = Prompt.render(apart, revision="2506")
    assert ids_of(prompt.parts, "2506") == judge(by_hand, "2506").ids
    assert Prompt.render(by_hand, revision="2506").parts == prompt.parts


AGREED = Taste(
    texts=plain_texts,
    arguments=("{}", '{"city": "Paris"}', '{"b": [1, null], "a": "é"}'),
    endings=False,
    shuffled_results=False,
)
"""What the generated template and mistral-common agree on."""


@BOTH
def test_the_official_template_writes_the_same(revision: str) -> None:
    @MANY
    @given(conversations(replace(AGREED, thoughts=revision == "2509")))
    def check(conversation: Conversation) -> None:
        prompt = Prompt.render(conversation.messages, revision=revision, tools=conversation.tools)
        template = official_template(revision)
        assert template.render(messages=conversation.messages, tools=conversation.tools) == prompt.text

    check()


U, R = {"role": "user", "content": "q"}, {"role": "user", "content": "r"}
CALLS = [
    {"id": call_id, "type": "function", "function": {"name": "get_weather", "arguments": arguments}}
    for call_id, arguments in (("abcdefghi", '{"city":"Paris"}'), ("123456789", "{}"))
]
RESULTS = [{"role": "tool", "tool_call_id": call["id"], "content": f"result of {call['id']}"} for call in CALLS]


def said(content: Any, **more: Any) -> list[Json]:
    return [U, {"role": "assistant", "content": content, **more}, R]


DIFFERENCES: dict[str, tuple[str, list[Json], str, str | None]] = {
    "trailing spaces of a reply": (
        "2509", said("A  "), "<s>[INST]q[/INST]A</s>[INST]r[/INST]", "<s>[INST]q[/INST]A  </s>[INST]r[/INST]",
    ),
    "arguments are written anew": (
        "2509", [U, {"role": "assistant", "content": None, "tool_calls": CALLS[:1]}],
        '<s>[INST]q[/INST][TOOL_CALLS]get_weather[ARGS]{"city": "Paris"}</s>',
        '<s>[INST]q[/INST][TOOL_CALLS]get_weather[ARGS]{"city":"Paris"}</s>',
    ),
    "results in the order of the calls": (
        "2509", [U, {"role": "assistant", "content": "", "tool_calls": CALLS[1:] + CALLS[:1]}, *RESULTS],
        '<s>[INST]q[/INST][TOOL_CALLS]get_weather[ARGS]{}[TOOL_CALLS]get_weather[ARGS]{"city": "Paris"}</s>'
        "[TOOL_RESULTS]result of 123456789[/TOOL_RESULTS][TOOL_RESULTS]result of abcdefghi[/TOOL_RESULTS]",
        '<s>[INST]q[/INST][TOOL_CALLS]get_weather[ARGS]{}[TOOL_CALLS]get_weather[ARGS]{"city":"Paris"}</s>'
        "[TOOL_RESULTS]result of abcdefghi[/TOOL_RESULTS][TOOL_RESULTS]result of 123456789[/TOOL_RESULTS]",
    ),
    "a result of several parts": (
        "2509", [U, {"role": "assistant", "content": "", "tool_calls": CALLS[1:]},
                 RESULTS[1] | {"content": [{"type": "text", "text": "x"}, {"type": "text", "text": "y"}]}],
        "<s>[INST]q[/INST][TOOL_CALLS]get_weather[ARGS]{}</s>[TOOL_RESULTS]x\n\ny[/TOOL_RESULTS]",
        "<s>[INST]q[/INST][TOOL_CALLS]get_weather[ARGS]{}</s>[TOOL_RESULTS][{'type': 'text', 'text': 'x'}, "
        "{'type': 'text', 'text': 'y'}][/TOOL_RESULTS]",
    ),
    "the end of a picture": (
        "2509", [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": PIXEL}}]}],
        "<s>[INST][IMG][IMG_END][/INST]", "<s>[INST][IMG][/INST]",
    ),
    "the thought of 2506": (
        "2506", said([{"type": "thinking", "thinking": "T"}, {"type": "text", "text": "A"}]),
        "<s>[INST]q[/INST]<think>\nT\n</think>\nA</s>[INST]r[/INST]",
        "<s>[INST]q[/INST]<think>T</think>A</s>[INST]r[/INST]",
    ),
    "a reply that begins": (
        "2509", [{"role": "assistant", "content": "hello"}, U], "<s>hello</s>[INST]q[/INST]", None,
    ),
    "an empty thought beside the content": (
        "2509", said("A", reasoning_content=""),
        "<s>[INST]q[/INST][THINK][/THINK]A</s>[INST]r[/INST]", "<s>[INST]q[/INST]A</s>[INST]r[/INST]",
    ),
    "a thought in several parts": (
        "2509", said([{"type": "thinking", "thinking": [{"type": "text", "text": "T"}]}]),
        "<s>[INST]q[/INST][THINK]T[/THINK]</s>[INST]r[/INST]",
        "<s>[INST]q[/INST][THINK][{'type': 'text', 'text': 'T'}][/THINK]</s>[INST]r[/INST]",
    ),
    "empty texts say nothing": (
        "2509", [{"role": "user", "content": ""}, U], "<s>[INST]q[/INST]", "<s>[INST]\n\nq[/INST]",
    ),
    "OpenAI's newer word for system": (
        "2509", [{"role": "developer", "content": "S"}, U], "<s>[SYSTEM_PROMPT]S[/SYSTEM_PROMPT][INST]q[/INST]", None,
    ),
}  # fmt: skip
"""Where the generated template writes something else than mistral-common, what we write, and what it writes."""


@pytest.mark.parametrize("name", DIFFERENCES)
def test_where_the_official_template_differs_mistral_common_is_right(name: str) -> None:
    revision, messages, ours, theirs = DIFFERENCES[name]
    assert Prompt.render(messages, revision=revision).text == ours
    try:
        written = official_template(revision).render(messages=messages, tools=None)
    except ValueError:
        written = None
    assert written == theirs
    we_alone = name in ("the thought of 2506", "a thought in several parts")
    assert judge(copy.deepcopy(messages), revision).text == (None if we_alone else ours)


def test_a_reply_to_be_continued_stays_open_in_ours_only() -> None:
    messages = [U, {"role": "assistant", "content": "The answer is"}]
    prompt = Prompt.render(messages, revision="2509", continue_final=True)
    assert prompt.text == judge(messages, "2509", continue_final=True).text == "<s>[INST]q[/INST]The answer is"
    assert official_template("2509").render(messages=messages, tools=None) == prompt.text + "</s>"


def test_mistral_common_reads_tools_as_we_do() -> None:
    odd = {"function": {"name": "f", "description": None, "parameters": None, "strict": True, "more": 1}, "more": 2}
    for tools in ([], [odd], [WEATHER, odd]):
        for revision in ("2506", "2509"):
            assert agree(Conversation([U], tools), revision)
    wrong: list[Json] = [
        {"type": "function"},
        {"type": "web_search", "function": {"name": "f"}},
        {"type": "function", "function": {"name": "a b"}},
        {"type": "function", "function": {"name": "f", "parameters": []}},
        {"type": "function", "function": {"name": "f", "description": 3}},
        {"type": "function", "function": {"name": "f", "parameters": {"type": "objekt"}}},
    ]
    for tool in wrong:
        assert not agree(Conversation([U], [WEATHER, tool]), "2509")


def test_half_characters_are_read_alike() -> None:
    for text in ("\ud83d", "a\ude00b", "\ud83d\ude00"):
        assert agree(Conversation([{"role": "user", "content": text}]), "2509")
        arguments = '{"a": "\\ud83d", "b": "\\ud83d\\ude00"}'
        call = {"id": "abcdefghi", "function": {"name": "f", "arguments": arguments}}
        assert agree(Conversation([U, {"role": "assistant", "content": text, "tool_calls": [call]}]), "2509")


def _thinks(conversation: Conversation) -> bool:
    fields = ("reasoning_content", "reasoning")
    return any(
        "'thinking'" in str(message.get("content")) or any(field in message for field in fields)
        for message in conversation.messages
    )
