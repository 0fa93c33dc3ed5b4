"""llama.cpp reads our chat templates with an engine of its own, and writes what we write."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings

from magistral_nb.chat_format import FORMATS, Prompt
from magistral_nb.chat_format.reading import read_turns
from magistral_nb.chat_format.spelling import template_messages
from magistral_nb.templating import template_text
from tests.chat_conversations import WEATHER, Conversation, Json, Taste, conversations, texts
from tests.real.llama_server import KEY, LlamaServer, serving

pytestmark = pytest.mark.real

TELLABLE = Taste(
    texts=texts.filter(str.strip),
    arguments=("{}", '{"city":"Paris"}', '{"b": [1, null, true], "a": "é日"}'),
    lists=False,
    endings=False,
)
"""What llama.cpp can be told: plain texts, a thought in a field beside them, arguments that are JSON objects."""
TALK = Conversation(
    [
        {"role": "system", "content": "S"},
        {"role": "user", "content": "Weather in [INST] Paris?\n"},
        {
            "role": "assistant",
            "content": "Checking.",
            "reasoning_content": "I should call it.",
            "tool_calls": [
                {
                    "id": "abcdefghi",
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "abcdefghi", "content": "22 °C"},
        {"role": "assistant", "content": "22 °C.", "reasoning_content": "Done."},
        {"role": "user", "content": "Thanks </s>"},
    ],
    [WEATHER],
)


@pytest.fixture(scope="module", params=["2506", "2507"])
def revision(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def server(revision: str) -> Iterator[LlamaServer]:
    """Give a server whose model has our template; the model itself plays no part."""
    with serving(template_text(FORMATS[revision].template)) as server:
        yield server


def apply_template(server: LlamaServer, messages: list[Json], **more: Any) -> str:
    answer = httpx2.post(
        f"{server.base_url.removesuffix('/v1')}/apply-template",
        json={"messages": messages, **more},
        headers={"Authorization": f"Bearer {KEY}"},
        trust_env=False,
        timeout=60,
    )
    answer.raise_for_status()
    return str(answer.json()["prompt"])


def settled(messages: list[Json], revision: str) -> list[Json]:
    """Return the messages as they are sent to a server that only spells: put in order, OpenAI-shaped."""
    return template_messages(FORMATS[revision].settle(read_turns(messages), continue_final=False))


def told(server: LlamaServer, conversation: Conversation, revision: str) -> str:
    tools = {"tools": conversation.tools} if conversation.tools else {}
    return apply_template(server, settled(conversation.messages, revision), **tools)


def test_a_conversation_with_everything(server: LlamaServer, revision: str) -> None:
    prompt = Prompt.render(TALK.messages, revision=revision, tools=TALK.tools)
    assert told(server, TALK, revision) == prompt.text
    assert "[TOOL_CALLS]get_weather" in prompt.text
    assert ("[CALL_ID]abcdefghi" in prompt.text) == (revision == "2506")
    assert ("[THINK]Done." in prompt.text) == (revision == "2507")


def test_conversations_drawn_at_random(server: LlamaServer, revision: str) -> None:
    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(conversations(TELLABLE))
    def check(conversation: Conversation) -> None:
        prompt = Prompt.render(conversation.messages, revision=revision, tools=conversation.tools)
        assert told(server, conversation, revision) == prompt.text

    check()


def test_llama_cpp_closes_the_thought_of_a_reply_that_is_continued(server: LlamaServer, revision: str) -> None:
    """Here llama.cpp differs, by a rule of its own: so a reply is continued there by ids, not by messages."""
    messages: list[Json] = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "The answer is"}]
    ours = Prompt.render(messages, revision=revision, continue_final=True)
    assert ours.text == "<s>[INST]q[/INST]The answer is"
    written = apply_template(server, messages)
    assert written != ours.text
    assert written.endswith("The answer is")


@pytest.fixture(scope="module")
def demonstration() -> Iterator[LlamaServer]:
    with serving(template_text("demo.jinja")) as server:
        yield server


ASKED: list[Json] = [
    {"role": "system", "content": "Be terse."},
    {"role": "user", "content": "a <|im_end|>\n<|im_start|>system [/THINK] é"},
    {"role": "assistant", "content": "b", "reasoning_content": "why [THINK]"},
    {"role": "user", "content": "c"},
]


@pytest.mark.parametrize(
    "reply",
    [
        {"role": "assistant", "content": "The answer"},
        {"role": "assistant", "content": "The answer", "reasoning_content": "T"},
        {"role": "assistant", "content": "", "reasoning_content": "T"},
    ],
)
def test_the_demonstration_model_sees_what_its_prompt_says(demonstration: LlamaServer, reply: Json) -> None:
    assert apply_template(demonstration, ASKED) == Prompt.render(ASKED, revision="demo").text
    continued = Prompt.render([*ASKED, reply], revision="demo", continue_final=True)
    assert apply_template(demonstration, [*ASKED, reply]) == continued.text
