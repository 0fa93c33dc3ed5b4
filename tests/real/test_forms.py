"""Answers in a form from llama.cpp in this process: the schema binds the answer, and the model still thinks.

The weights are the demonstration model's, whatever control tokens its file claims: what it says is nonsense.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from magistral_nb import Client, ProtocolError, Reply
from tests.asking import COLOURS
from tests.real.gguf_copies import LOSES_THE_ANSWER, MAGISTRAL_WORDS, linked, with_template

pytestmark = pytest.mark.real
LIMITS: dict[str, Any] = {"temperature": 0, "max_tokens": 160}


class Prime(BaseModel):
    number: Annotated[int, Field(ge=0, le=999)]
    is_prime: bool
    factors: Annotated[list[Literal[2, 3, 5, 7]], Field(max_length=3)]


def now() -> str:
    """Tell the time."""
    return "noon"


@pytest.mark.parametrize("colour", COLOURS)
def test_the_embedded_model_thinks_and_its_answer_fits(colour: str) -> None:
    with Client("demo") as client:
        reply, _ = COLOURS[colour](client, "Is 91 prime?", response_format=Prime, **LIMITS)
    assert reply.thinking.count(".") >= 2
    assert reply.answer.startswith("{")
    assert isinstance(reply.parsed, Prime)
    assert not [notice for notice in reply.notices if notice.code == "answer_repaired"]


def test_the_embedded_model_still_answers_freely_afterwards() -> None:
    with Client("demo") as client:
        client.chat("Is 91 prime?", response_format=Prime, **LIMITS)
        assert not client.chat("Is 91 prime?", **LIMITS).answer.startswith("{")


def test_a_file_that_does_not_think_answers_in_the_form(tmp_path: Path) -> None:
    with Client("gguf", model=str(linked(tmp_path)), n_ctx=2048) as client:
        reply = client.chat("Is 91 prime?", response_format=Prime, **LIMITS)
        assert isinstance(reply.parsed, Prime)
        schema = {"type": "object", "properties": {"a": {"enum": ["x", "y"]}}, "required": ["a"]}
        assert client.chat("Which?", response_format=schema, **LIMITS).parsed["a"] in ("x", "y")


def reply_of(client: Client, question: str, **settings: Any) -> Reply:
    """The reply, whether or not its answer fits: a toy model may write for ever."""
    with client.stream(question, **settings) as stream, suppress(ProtocolError):
        list(stream)
    return stream.reply


def test_a_magistral_may_think_first_and_then_keeps_to_the_schema(tmp_path: Path) -> None:
    file = "Magistral-Small-2509-Q4_1.gguf"
    model = with_template(tmp_path, LOSES_THE_ANSWER, file=file, name="Magistral 2509", words=MAGISTRAL_WORDS)
    with Client("gguf", model=str(model), n_ctx=4096, response_format=Prime) as client:
        assert isinstance(client.chat("Is 91 prime?", **LIMITS).parsed, Prime)
        http = client._transport()._uses  # type: ignore[attr-defined]  # to know the tokens' numbers
        ((_, use),) = http.items()
        opening, closing = (use.http.tokenize(word, "m", controls=True)[0] for word in ("[THINK]", "[/THINK]"))
        thought = reply_of(
            client, "Is 91 prime?", temperature=0, max_tokens=20, extra_body={"logit_bias": [[opening, 99]]}
        )
        assert thought.thinking.strip()  # no grammar forbids the thought
        wish = {"logit_bias": [[opening, 99], [closing, 98]]}
        closed = reply_of(client, "Is 91 prime?", temperature=0, max_tokens=40, extra_body=wish)
        assert closed.answer.startswith("{")  # and after it there is nothing but JSON
        called = client.chat("Is 91 prime?", tools=[now], response_format=None, temperature=0, max_tokens=8)
        assert called.finish_reason == "length"


def test_what_a_schema_cannot_hold_is_checked_afterwards() -> None:
    """llama.cpp knows no look-ahead: it is asked without that part, and our own check has the last word."""
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(?=x)x{3}$"}}, "required": ["a"]}
    with Client("demo") as client:
        assert reply_of(client, "Say xxx.", response_format=schema, **LIMITS).answer.startswith("{")
