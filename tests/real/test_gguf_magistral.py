"""A file with Magistral's control tokens is asked by ids: our prompt to the token, whatever template it carries.

The weights are the demonstration model's, so what it says is nonsense; what it is asked is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from magistral_nb import Client, ConfigurationError, Message, Prompt, TemplateError, Timeouts, assistant, user
from magistral_nb.messages import Image, Text, Thought
from magistral_nb.transports import Request
from magistral_nb.transports.llamacpp import LlamaCppTransport
from magistral_nb.transports.own_tokens import OwnTokens
from tests.asking import COLOURS
from tests.chat_conversations import CONTROL_WORDS, PIXEL, WEATHER
from tests.real.gguf_copies import LOSES_THE_ANSWER, MAGISTRAL_WORDS, with_template

pytestmark = pytest.mark.real
SHORT: dict[str, Any] = {"temperature": 0, "max_tokens": 16}
HOSTILE = " ".join((*CONTROL_WORDS, "<|im_end|>", "<|endoftext|>"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("magistral")
    file = "Magistral-Small-2509-Q4_1.gguf"
    return str(with_template(folder, LOSES_THE_ANSWER, file=file, name="Magistral 2509", words=MAGISTRAL_WORDS))


@pytest.fixture(scope="module")
def client(model: str) -> Iterator[Client]:
    with Client("gguf", model=model, n_ctx=4096, keep_thinking="all") as client:
        client.chat("Hi", **SHORT)
        yield client


def spelled(client: Client) -> tuple[OwnTokens, Any]:
    transport = client._transport()
    assert isinstance(transport, LlamaCppTransport)
    (use,) = transport._uses.values()
    spelling = use.shared.loading.result().spelling
    assert isinstance(spelling, OwnTokens)
    return spelling, use.http


def ids_of(client: Client, prompt: Prompt) -> list[int]:
    spelling, http = spelled(client)
    return spelling.ids(prompt.parts, "m", http)


TALK = [user("1?"), assistant("A", thinking="T"), user("2?")]


@pytest.mark.parametrize("asked", ["Is 91 prime?", HOSTILE, TALK], ids=["plain", "hostile", "three turns"])
def test_the_prompt_is_the_one_that_preview_shows(client: Client, asked: Any) -> None:
    """Its template loses the answers of kept thoughts: it is not asked."""
    prompt = client.preview(asked)
    assert prompt.tokens.exact
    reply = client.chat(asked, **SHORT)
    assert reply.usage
    assert reply.usage.prompt_tokens == prompt.tokens.total == len(ids_of(client, prompt))
    assert reply.complete


def test_control_words_in_a_text_add_no_control_id(client: Client) -> None:
    _, http = spelled(client)
    controls = {http.tokenize(word, "m", controls=True)[0] for word in (*MAGISTRAL_WORDS.values(), "<|im_end|>")}
    assert len(controls) == len(MAGISTRAL_WORDS) + 1
    harmless, hostile = (client.preview(text, tools=[WEATHER]) for text in ("x", HOSTILE))
    found = [[token for token in ids_of(client, prompt) if token in controls] for prompt in (harmless, hostile)]
    assert found[0] == found[1]
    assert len(found[0]) == sum(kind == "control" for kind, _ in hostile.parts)


@pytest.mark.parametrize("colour", COLOURS)
def test_both_colours_say_the_same(model: str, colour: str) -> None:
    with Client("gguf", model=model, n_ctx=4096) as client:
        reply, events = COLOURS[colour](client, "Is 91 prime?", temperature=0, max_tokens=3)
    assert reply.finish_reason == "length"
    assert reply.usage
    assert reply.usage.completion_tokens == 3
    assert [event.type for event in events][-1] == "done"
    assert (reply.thinking + reply.answer).strip()


def test_control_tokens_of_a_reply_are_read(client: Client) -> None:
    """The model is made to write them: a bias lets no other token win."""
    spelling, http = spelled(client)

    def only(word: str, count: int) -> Any:
        token = spelling._control(word, "m", http)
        return client.chat("q", max_tokens=count, temperature=0, extra_body={"logit_bias": [[token, 1000]]})

    assert only("[THINK]", 1).thinking == only("[THINK]", 1).answer == ""
    assert "[TOOL_CALLS]" in only("[TOOL_CALLS]", 1).answer  # begun and never finished: given back as it came


def test_an_open_thought_is_continued(client: Client) -> None:
    begun = Message("assistant", (Thought("Let me see", closed=False),))
    prompt = client.preview([user("q"), begun])
    assert prompt.text.endswith("[THINK]Let me see")
    reply = client.chat([user("q"), begun], **SHORT)
    assert reply.usage
    assert reply.usage.prompt_tokens == prompt.tokens.total


def test_what_cannot_be_asked_is_refused(client: Client) -> None:
    with pytest.raises(ConfigurationError, match="reads no pictures yet"):
        client.chat(Message("user", (Image(PIXEL), Text("What is it?"))))
    with pytest.raises(ConfigurationError, match="grammar"):
        client.chat("q", extra_body={"grammar": 'root ::= "x"'})
    with pytest.raises(TemplateError, match="it says nothing and calls nothing"):
        client.chat([user("q"), assistant(""), user("r")])


def test_a_request_is_left_as_it_was(client: Client) -> None:
    spelling, http = spelled(client)
    body = {"model": "m", "messages": [{"role": "user", "content": "q"}], "temperature": 0.7}
    request = Request(dict(body), timeouts=Timeouts())
    raw, _ = spelling.request(request, http)
    assert request.body == body
    assert raw.raw
    assert "messages" not in raw.body
    assert Path(client.settings.model).name.startswith("Magistral")
