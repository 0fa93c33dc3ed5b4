"""Bad input gets an error of ours that says what to do, and what was looked at is what is sent."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import httpx2
import pytest

from magistral_nb import Client, ConfigurationError, MagistralError, Prompt, assistant, user
from tests.fake_server import FakeServer
from tests.test_client import GOOD, client_for, events_of, sent

CALL = {"id": "abcdefghi", "type": "function", "function": {"name": "f", "arguments": {"a": True}}}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"revision": "2508"}, "no revision '2508'"),
        ({"revision": "2508", "system": None}, "no revision '2508'"),
        ({"timeout": -1}, "timeout is -1"),
        ({"timeout": "5"}, "timeout is '5'"),
        ({"system": 5}, "system is 5"),
        ({"extra_body": [1]}, r"extra_body is \[1\]"),
    ],
)
def test_settings(server: FakeServer, settings: dict[str, Any], words: str) -> None:
    if words.startswith("no"):
        words = f"has {words}|There is {words}"
    with pytest.raises(ConfigurationError, match=words):
        client_for(server, **settings).chat("q")
    assert server.requests == []


@pytest.mark.parametrize(
    "message",
    [
        {"role": "assistant", "content": "", "tool_calls": "x"},
        {"role": "assistant", "content": "", "tool_calls": [5]},
        {"role": "assistant", "content": "", "tool_calls": 5},
        {"role": "user", "content": [{"type": ["text"]}]},
        {"role": "user", "content": [{"type": "image_url"}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {}}]},
    ],
)
def test_messages(server: FakeServer, message: dict[str, Any]) -> None:
    for act in (client_for(server).chat, client_for(server).preview, Prompt.render):
        with pytest.raises(MagistralError):
            act([user("q"), message, user("r")])
    assert server.requests == []


def test_arguments_that_are_data_are_sent_as_json(server: FakeServer) -> None:
    server.play(GOOD)
    talk: list[dict[str, Any]] = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "abcdefghi", "content": "r"},
    ]
    client = client_for(server)
    assert '[ARGS]{"a": true}' in client.preview(talk).text
    client.chat(talk)
    assert sent(server)["messages"][2]["tool_calls"][0]["function"]["arguments"] == '{"a": true}'


def test_texts_are_joined_as_they_are_shown(server: FakeServer) -> None:
    server.play(GOOD)
    parts = [{"type": "text", "text": text} for text in ("a", "", "b")]
    client = client_for(server, system=None)
    assert client.preview([{"role": "user", "content": parts}]).text == "<s>[INST]a\n\nb[/INST]"
    client.chat([{"role": "user", "content": parts}])
    assert sent(server)["messages"][-1]["content"] == "a\n\nb"


def test_a_prompt_is_sent_in_its_own_spelling_and_does_not_change(server: FakeServer) -> None:
    server.play(GOOD)
    talk = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "A", "reasoning": "T"},
        {"role": "user", "content": "r"},
    ]
    prompt = Prompt.render(talk, revision="2506")
    before = copy.deepcopy(prompt.text)
    talk[0]["content"] = "changed"
    client_for(server).chat(prompt)
    assert [message["content"] for message in sent(server)["messages"]] == ["q", "<think>\nT\n</think>\nA", "r"]
    assert prompt.text == before == Prompt.render(prompt.messages, revision="2506").text


def test_the_newer_word_for_system(server: FakeServer) -> None:
    server.play(GOOD)
    client_for(server).chat([{"role": "developer", "content": "s"}, {"role": "user", "content": "q"}])
    assert [message["role"] for message in sent(server)["messages"]] == ["system", "user"]


@pytest.mark.parametrize("keep", ["none", "all"])
def test_after_a_thought_that_was_cut_off_roles_still_alternate(server: FakeServer, keep: Any) -> None:
    server.play(GOOD)
    talk = [user("q"), assistant("", thinking="Half a thought"), user("go on")]
    client = client_for(server, system=None, keep_thinking=keep)
    prompt = client.preview(talk)
    assert [thought.text for thought in prompt.dropped] == ["Half a thought"] * (keep == "none")
    client.chat(talk)
    roles = [message["role"] for message in sent(server)["messages"]]
    assert roles == (["user"] if keep == "none" else ["user", "assistant", "user"])
    if keep == "none":
        assert sent(server)["messages"][0]["content"] == "q\n\ngo on"


def test_half_a_character_in_a_question_is_sent_as_one_that_exists(server: FakeServer) -> None:
    server.play(GOOD)
    client_for(server).chat("a\ud83d b \ud83d\ude00")
    assert sent(server)["messages"][-1]["content"] == "a\ufffd b 😀"


def test_a_failure_keeps_the_servers_name_for_the_request(server: FakeServer) -> None:
    body = events_of({"content": "x"}, finish=None) + b'data: {"error": "died"}\n\n'
    server.play(body, headers={"x-request-id": "req_9"})
    with pytest.raises(MagistralError) as caught:
        client_for(server).chat("q")
    assert caught.value.request_id == "req_9"


def test_a_word_in_a_later_choice_is_never_asked_for_twice(server: FakeServer) -> None:
    first = b'data: {"choices":[{"index":1,"delta":{}},{"index":0,"delta":{"content":"w"}}]}\n\n'
    server.play(first, end="cut")
    server.play(GOOD)
    with pytest.raises(MagistralError) as caught:
        client_for(server).chat("q")
    assert caught.value.partial
    assert caught.value.partial.answer == "w"
    assert len(server.requests) == 1


@pytest.mark.parametrize("error", [{"message": "no", "code": "insufficient_quota"}, {"message": "pay first"}])
def test_money_is_never_asked_for_twice(server: FakeServer, error: dict[str, str]) -> None:
    from magistral_nb import QuotaError

    server.play_json({"error": error}, status=429 if "code" in error else 402)
    with pytest.raises(QuotaError):
        client_for(server).chat("q")
    assert len(server.requests) == 1


def test_an_empty_key_of_the_environment_counts_as_none(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAGISTRAL_API_KEY", "")
    server.play(GOOD)
    Client(base_url=server.base_url, model="m").chat("q")
    assert "authorization" not in server.requests[-1].headers


def test_a_client_of_ones_own_must_be_of_the_right_kind(server: FakeServer) -> None:
    server.play(GOOD)
    with httpx2.Client() as own:
        assert client_for(server, http_client=own).chat("q").answer == "4"
        with pytest.raises(ConfigurationError, match=r"httpx2\..*Client.* httpx2.AsyncClient is needed"):
            asyncio.run(client_for(server, http_client=own).achat("q"))
    with pytest.raises(ConfigurationError, match=r"http_client is of the class builtins\.dict"):
        client_for(server, http_client={}).chat("q")
