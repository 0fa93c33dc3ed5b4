"""What the chat format refuses, and that every refusal names the message and the rule."""

from __future__ import annotations

from typing import Any

import pytest

from magistral_nb.chat_format import Prompt
from magistral_nb.chat_format.functions import MOST_TOOLS
from magistral_nb.chat_format.reading import MOST_CHARACTERS, MOST_MESSAGES, MOST_PIECES
from magistral_nb.errors import TemplateError
from tests.chat_conversations import CALL, CALLING, PICTURE, RESULT, THOUGHT, WEATHER, Json
from tests.chat_conversations import QUESTION as U
from tests.chat_conversations import REPLY as A
from tests.chat_conversations import SYSTEM as S


def _after(first: list[Json], number: int, message: Json, rule: str) -> Any:
    return pytest.param([*first, message], number, rule, id=f"{message.get('role')}: {rule[:50]}")


@pytest.mark.parametrize(
    ("messages", "number", "rule"),
    [
        _after([], 1, A, "a conversation cannot be this one message alone"),
        _after([], 1, U | {"role": "narrator"}, "nobody has that role"),
        _after([], 1, {"role": "user"}, "it has no content"),
        _after([U, A], 3, S, "it may not follow a message of the role assistant"),
        _after([S], 2, RESULT, "it may not follow a message of the role system"),
        _after([U], 2, A | {"content": ""}, "it says nothing and calls nothing"),
        _after([U], 2, A | {"content": None}, "it says nothing and calls nothing"),
        _after([U, A, U], 4, A | {"content": [{"type": "text", "text": ""}]}, "it says nothing and calls nothing"),
        _after([], 1, U | {"content": [THOUGHT]}, "a message of this role holds text and pictures, and no thinking"),
        _after([U], 2, A | {"content": [PICTURE]}, "a message of this role holds text and thinking, and no pictures"),
        _after([U], 2, A | {"content": 3}, "its content is a int"),
        _after([], 1, U | {"content": ["q"]}, "it holds a part that the format does not know"),
        _after([], 1, U | {"content": [{"type": "input_audio"}]}, "it holds a part that the format does not know"),
        _after([], 1, U | {"content": [{"type": "text"}]}, "a part of type text holds no text"),
        _after([], 1, U | {"content": [{"type": "image_url", "image_url": "file:///x"}]}, "its picture is none"),
        _after([U], 2, A | {"content": [{"type": "thinking"}]}, "a thought must be text"),
        _after([U], 2, A | {"content": [THOUGHT | {"closed": "no"}]}, "a thought's `closed` must be true or false"),
        _after([U], 2, A | {"reasoning": "T", "reasoning_content": "U"}, "its reasoning_content and reasoning differ"),
        _after([U], 2, A | {"reasoning": 3}, "its reasoning_content and reasoning must be text"),
        _after([U], 2, A | {"content": [THOUGHT], "reasoning": ""}, "it tells its thinking twice"),
        _after([U], 2, A | {"tool_calls": "f"}, "its tool_calls are no list"),
        _after([U], 2, A | {"tool_calls": [{}]}, "a call has the shape"),
        _after([U], 2, A | {"tool_calls": [CALL | {"type": "web"}]}, "it calls a 'web', not a function"),
        _after([U], 2, A | {"tool_calls": [CALL | {"id": 3}]}, "the id of a call must be text"),
        _after([U], 2, A | {"tool_calls": [CALL, CALL]}, "two of its calls have the same id"),
        _after([U], 2, A | {"tool_calls": [CALL | {"function": {"name": "a b", "arguments": ""}}]}, "it calls 'a b'"),
        _after([U], 2, A | {"tool_calls": [CALL | {"function": {"name": "f", "arguments": "[" * 100_000}}]},
               "the arguments of a call must be JSON"),
        _after([U, CALLING], 3, RESULT | {"tool_call_id": None}, "it does not say whose result it is"),
        _after([U, CALLING], 3, RESULT | {"tool_call_id": "zzzzzzzzz"}, "nothing before it made the call"),
        _after([U, CALLING, RESULT], 4, RESULT, "it is the second result of the call"),
        _after([U, CALLING], 3, RESULT | {"name": "a b"}, "it comes from 'a b'"),
        _after([U, CALLING, U], 4, A, "before it, a result is missing"),
        _after([A | {"prefix": True}, U], 1, A, "only the last message can be a prefix"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("revision", ["2506", "2507", "2509"])
def test_a_refusal_names_the_message_and_the_rule(revision: str, messages: list[Json], number: int, rule: str) -> None:
    with pytest.raises(TemplateError) as refused:
        Prompt.render(messages, revision=revision)
    named = f"Message {number} ({messages[number - 1]['role']}): {rule}"
    assert refused.value.message.startswith(named), refused.value.message
    assert refused.value.message.endswith(".")


@pytest.mark.parametrize(
    ("messages", "more", "words"),
    [
        ([], {}, "The conversation holds no message."),
        ("q", {}, "A conversation cannot be a str."),
        (U, {}, "A conversation cannot be a dict."),
        ([U, "q"], {}, "Message 2 is a str."),
        ([A, U], {"continue_final": True}, "Message 2 (user): only a message of the assistant can be continued"),
        ([U], {"revision": "2508"}, "There is no chat format '2508'. Use one of 2506, 2507, 2509, demo."),
        ([U], {"tools": {}}, "Tools are a list of definitions, not a dict."),
        ([U], {"tools": [WEATHER, {}]}, "Tool 2: a tool has the shape"),
        ([U], {"tools": [{"function": {"name": "f", "parameters": {"type": "objekt"}}}]},
         "Tool 1 (f): its parameters are no JSON Schema ('objekt' is not valid"),
        ([U], {"tools": [{"function": {"name": "f", "parameters": {"a": {1, 2}}}}]},
         "Tool 1 (f): its parameters are not JSON"),
        ([U] * (MOST_MESSAGES + 1), {}, "The conversation has 10,001 messages; 10,000 are the limit."),
        ([U | {"content": [{"type": "text", "text": "a"}] * (MOST_PIECES + 1)}], {}, "The messages have 20,001 parts"),
        ([U | {"content": "a" * (MOST_CHARACTERS + 1)}], {}, "The conversation has 16,000,001 characters"),
    ],
)  # fmt: skip
def test_what_no_single_message_is_to_blame_for(messages: Any, more: Json, words: str) -> None:
    with pytest.raises(TemplateError) as refused:
        Prompt.render(messages, **more)
    assert str(refused.value).startswith(words)


@pytest.mark.parametrize("call_id", ["call_0123456789", "abcdefgh", "abcdefghi\n", "", "abcdefgh-"])
def test_only_2506_wants_nine_letters_or_digits(call_id: str) -> None:
    messages = [U, CALLING | {"tool_calls": [CALL | {"id": call_id}]}, RESULT | {"tool_call_id": call_id}]
    with pytest.raises(TemplateError, match=r"^Message 2 \(assistant\): the id of a call is nine letters or digits"):
        Prompt.render(messages, revision="2506")
    if call_id:
        assert Prompt.render(messages, revision="2507").text.endswith("[TOOL_RESULTS]r[/TOOL_RESULTS]")


@pytest.mark.parametrize(
    ("messages", "more", "words"),
    [
        (
            [U, CALLING, RESULT],
            {},
            "Message 2 (assistant): the demonstration model's format has no place for",
        ),
        ([U | {"content": [PICTURE]}], {}, "Message 1 (user): the demonstration model reads no pictures."),
        ([S | {"content": [THOUGHT]}, U], {}, "Message 1 (system): the demonstration model's format has a place for"),
        (
            [U, A | {"content": [THOUGHT | {"closed": False}]}, U],
            {},
            "Message 2 (assistant): the demonstration",
        ),
        ([U], {"continue_final": True}, "Message 1 (user): only a message of the assistant can be continued"),
        ([U], {"tools": [WEATHER]}, "The demonstration model's format has no place for tools. Leave tools out."),
    ],
)
def test_what_the_demonstration_model_has_no_place_for(messages: list[Json], more: Json, words: str) -> None:
    with pytest.raises(TemplateError) as refused:
        Prompt.render(messages, revision="demo", **more)
    assert str(refused.value).startswith(words)


def test_too_many_tools_are_refused() -> None:
    tools = [{"function": {"name": f"f{number}"}} for number in range(MOST_TOOLS + 1)]
    assert "f999" in Prompt.render([U], tools=tools[:-1]).text
    with pytest.raises(TemplateError, match=r"There are 1,001 tools; 1,000 are the limit"):
        Prompt.render([U], tools=tools)


def test_half_a_character_in_a_definition_is_mended() -> None:
    prompt = Prompt.render([U], tools=[{"function": {"name": "f", "description": "a\ud83d"}}])
    assert "a\ufffd" in prompt.text.encode().decode()
