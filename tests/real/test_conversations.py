"""Conversations with a real llama.cpp server, directly and through a real LiteLLM proxy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from magistral_nb import Client, Conversation, ThinkingDelta
from magistral_nb.dialects import KeepThinking
from tests.real import litellm_auth
from tests.real.litellm_proxy import litellm_proxy
from tests.real.llama_server import GRAMMAR, MODEL, LlamaServer, llama_server

__all__ = ["llama_server"]
pytestmark = pytest.mark.real

POLICIES: tuple[KeepThinking, ...] = ("none", "last", "all")
THOUGHTFUL: dict[str, Any] = {
    "max_tokens": 200,
    "temperature": 0,
    "extra_body": {"grammar": GRAMMAR, "reasoning_format": "auto"},
}


@pytest.fixture(scope="module")
def proxied(llama_server: LlamaServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with litellm_proxy(tmp_path_factory.mktemp("litellm"), llama_server) as proxy:
        yield proxy.base_url


@pytest.fixture(params=["llama-server", "litellm", "any server"])
def client(request: pytest.FixtureRequest, llama_server: LlamaServer) -> Client:
    """Give a client of the server itself, by its row and without one, and of the proxy before it."""
    if request.param == "litellm":
        address = request.getfixturevalue("proxied")
        return Client("litellm", base_url=address, model=MODEL, api_key=litellm_auth.GOOD, **THOUGHTFUL)
    row = request.param if request.param != "any server" else None
    return Client(row, base_url=llama_server.base_url, model=MODEL, api_key=llama_server.api_key, **THOUGHTFUL)


def stopped_while_thinking(talk: Conversation, question: str) -> None:
    with talk.stream(question) as stream:
        thoughts = 0
        for event in stream:
            thoughts += isinstance(event, ThinkingDelta)
            if thoughts > 2:
                break


@pytest.mark.parametrize("keep", POLICIES)
def test_a_turn_that_was_stopped_while_thinking_is_followed_by_a_good_one(client: Client, keep: KeepThinking) -> None:
    talk = Conversation(client, keep_thinking=keep)
    stopped_while_thinking(talk, "Why is the sky blue?")
    assert [(turn.state, turn.answer) for turn in talk.turns] == [("interrupted", "")]
    assert talk.turns[0].thinking
    reply = talk.chat("Why is grass green?")
    assert reply.complete
    assert reply.answer.strip()
    talk.chat("And the sea?")
    assert [turn.state for turn in talk.turns] == ["interrupted", "whole", "whole"]


def test_a_question_that_got_no_word_is_followed_by_a_good_one(client: Client) -> None:
    talk = Conversation(client)
    with talk.stream("Why is the sky blue?") as stream:
        next(iter(stream))  # the request has not left yet
    assert [(turn.state, turn.spoke) for turn in talk.turns] == [("interrupted", False)]
    assert talk.chat("Why is grass green?").complete


def test_a_reply_that_was_cut_off_goes_on_and_does_not_begin_anew(client: Client) -> None:
    talk = Conversation(client)
    plain = {"reasoning_format": "auto"}
    cut = talk.chat("What do alligators eat?", max_tokens=20, extra_body=plain)
    assert (cut.finish_reason, talk.turns[0].state) == ("length", "length")
    begun = cut.thinking + cut.answer
    reply = talk.continue_reply(max_tokens=30, extra_body=plain)
    whole = reply.thinking + reply.answer
    assert whole.startswith(begun)
    assert len(whole) > len(begun) + 20
    assert begun[:20] not in whole[20:]
    assert [turn.reply for turn in talk.turns] == [reply]
    assert talk.chat("And crocodiles?", max_tokens=20, extra_body=plain).usage  # what was joined is taken by the server


def test_a_conversation_is_the_same_after_it_was_saved(client: Client, tmp_path: Any) -> None:
    talk = Conversation(client, keep_thinking="all")
    talk.chat("Why is the sky blue?", seed=1)
    stopped_while_thinking(talk, "Why is grass green?")
    talk.save(tmp_path / "talk.json")
    again = Conversation.load(tmp_path / "talk.json", client=client)
    assert again.turns == talk.turns
    assert again.chat("And the sea?", seed=1).answer == talk.chat("And the sea?", seed=1).answer


def test_a_notebook_of_a_conversation_runs_and_comes_back(llama_server: LlamaServer, tmp_path: Path) -> None:
    client = Client(base_url=llama_server.base_url, model=MODEL, api_key=llama_server.api_key, seed=1, **THOUGHTFUL)
    talk = Conversation(client, keep_thinking="last")
    talk.chat("Why is the sky blue?", max_tokens=60)
    talk.chat("Say {this} $HOME:\n\n'''\n", max_tokens=40)
    stopped_while_thinking(talk, "Why is grass green?")
    path = tmp_path / "talk.ipynb"
    talk.to_notebook(path)
    notebook: Any = nbformat
    ran = notebook.read(path, 4)
    environment = {**os.environ, "MAGISTRAL_API_KEY": llama_server.api_key}
    NotebookClient(ran, timeout=120, kernel_name="python3").execute(cwd=str(tmp_path), env=environment)
    notebook.write(ran, path)
    again = Conversation.from_notebook(path, client=client)
    assert [turn.question for turn in again.turns] == [turn.question for turn in talk.turns]
    assert [bool(turn.thinking) for turn in again.turns] == [True, True, True]
    assert talk.turns[2].state == "interrupted"
    # It has run to its end now. Whether that is the model's own or max_tokens depends on what the server has cached.
    assert again.turns[2].state in ("whole", "length")
    assert len(again.turns[2].reply.thinking + again.turns[2].reply.answer) > len(talk.turns[2].thinking)
    assert llama_server.api_key not in path.read_text("utf-8")
