"""Answers in a form: what is sent and read, the one request for a better answer, the error that keeps the text."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest
from pydantic import BaseModel

from magistral_nb import (
    ENDPOINTS,
    BadRequestError,
    Budget,
    BudgetExceededError,
    Client,
    ConfigurationError,
    ProtocolError,
    Reply,
    assistant,
    system,
    user,
)
from magistral_nb.structured.json_in_text import json_texts
from tests.asking import COLOURS
from tests.fake_server import FakeServer
from tests.test_client import client_for, events_of, sent


class Prime(BaseModel):
    """Whether a number is prime."""

    number: int
    is_prime: bool = False


@dataclass
class Point:
    x: int
    y: int


SCHEMA = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}
GOOD, BAD = '{"number": 91, "is_prime": false}', '{"numbr": 91}'


def says(
    answer: str, *, thinking: str = "Hm.", finish: str = "stop", usage: tuple[int, int, int] | None = None
) -> bytes:
    body = events_of({"reasoning": thinking}, {"content": answer}, finish=finish)
    if usage is None:
        return body
    counted = {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
    counted |= {"completion_tokens_details": {"reasoning_tokens": usage[2]}}  # type: ignore[dict-item]  # as servers nest it
    chunk = json.dumps({"choices": [], "usage": counted})
    return body.replace(b"data: [DONE]", f"data: {chunk}\n\ndata: [DONE]".encode())


@pytest.mark.parametrize("colour", COLOURS)
def test_the_answer_becomes_an_instance_of_the_model(server: FakeServer, colour: str) -> None:
    server.play(says(GOOD))
    reply, events = COLOURS[colour](client_for(server), "Is 91 prime?", response_format=Prime)
    assert reply.parsed == Prime(number=91)
    assert (reply.thinking, reply.answer, len(server.requests)) == ("Hm.", GOOD, 1)
    wire = sent(server)["response_format"]
    assert (wire["type"], wire["json_schema"]["name"]) == ("json_schema", "Prime")
    assert wire["json_schema"]["schema"]["required"] == ["number"]
    assert [event.type for event in events][-1] == "done"


def test_the_model_is_told_in_the_question_and_the_system_prompt_stays(server: FakeServer) -> None:
    server.play(says(GOOD))
    client = client_for(server)
    client.chat("Is 91 prime?")
    plain = sent(server)["messages"]
    client.chat("Is 91 prime?", response_format=Prime)
    told = sent(server)["messages"]
    assert told[0] == plain[0]  # the model still thinks
    assert told[1]["content"].startswith("Is 91 prime?\n\nThe answer, after any thinking, must be JSON")
    assert '"number"' in told[1]["content"]
    assert client.preview("Is 91 prime?", response_format=Prime).text.count('"number"') == 2
    own = [system("Mine."), user("a"), assistant("b"), user("c")]
    client.chat(own, response_format=Prime)
    assert [message["content"][:5] for message in sent(server)["messages"]] == ["Mine.", "a", "b", "c\n\nTh"]
    looked_at = client.preview("Is 91 prime?", response_format=Prime)
    client.chat(looked_at, response_format=Prime)
    assert sent(server)["messages"][-1]["content"] == told[1]["content"]  # once, as it was seen


def test_a_client_has_a_form_and_a_call_another_or_none(server: FakeServer) -> None:
    server.play(says(GOOD))
    client = client_for(server, response_format=Prime)
    assert client.chat("hi").parsed == Prime(number=91)
    assert client.settings.sources["response_format"].source == "argument"
    assert client.chat("hi", response_format=None).parsed is None
    assert "response_format" not in sent(server)


FORMS: dict[str, tuple[Any, str, Any]] = {
    "model": (Prime, GOOD, Prime(number=91)),
    "dataclass": (Point, '{"x": 1, "y": 2}', Point(1, 2)),
    "list": (list[Prime], f"[{GOOD}]", [Prime(number=91)]),
    "schema": (SCHEMA, '{"x": 1}', {"x": 1}),
    "OpenAI's": ({"type": "json_schema", "json_schema": {"name": "X", "schema": SCHEMA}}, '{"x": 1}', {"x": 1}),
    "any object": ({"type": "json_object"}, '{"y": [1]}', {"y": [1]}),
    "text": ({"type": "text"}, "Just text.", None),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_kind_of_form_and_its_way_through_a_dict(server: FakeServer, form: str) -> None:
    wanted, answer, value = FORMS[form]
    server.play(says(answer))
    reply = client_for(server).chat("hi", response_format=wanted)
    assert reply.parsed == value
    assert type(reply.parsed) is type(value)
    data = json.loads(json.dumps(reply.to_dict()))
    assert data["parsed"] == (json.loads(answer) if value is not None else None)
    again = Reply.from_dict(data)
    assert again == reply
    assert again.parsed == data["parsed"]


@pytest.mark.parametrize(
    ("wrong", "says_so"),
    [
        ("Prime", "'Prime'"),
        (Prime(number=1), "response_format is"),
        ({"number": "int"}, "no JSON schema"),
        ({"type": "objekt"}, "no JSON schema"),
        ({"type": "json_schema"}, "no JSON schema"),
        (FakeServer, "cannot be a JSON schema"),
        (3, "response_format is"),
    ],
)
def test_what_is_no_form_is_refused_before_anything_is_sent(server: FakeServer, wrong: Any, says_so: str) -> None:
    with pytest.raises(ConfigurationError, match=says_so):
        client_for(server).chat("hi", response_format=wrong)
    assert server.requests == []


def test_a_schema_that_points_elsewhere_fetches_nothing(server: FakeServer) -> None:
    server.play(says('{"x": 1}'))
    pointing = {"type": "object", "properties": {"x": {"$ref": f"{server.url}/schema.json"}}}
    with pytest.raises(ConfigurationError, match="points nowhere"):
        client_for(server).chat("hi", response_format=pointing)
    assert [request.path for request in server.requests] == ["/v1/chat/completions"]


@pytest.mark.parametrize(
    "answer",
    [
        f"```json\n{GOOD}\n```",
        f"Here it is:\n\n~~~\n{GOOD}\n~~~\nAnything else?",
        f"Sure! {GOOD} Is that what you need?",
        f"- as you asked:\n\n      {GOOD}\n",
        f"First I wrote {BAD}, and then {GOOD}.",
        f"[1] is a source, {{}} is empty, {GOOD}",
        f"\ufeff\n {GOOD}\n",
    ],
)
def test_json_is_found_in_fences_and_in_prose(server: FakeServer, answer: str) -> None:
    server.play(says(answer))
    reply = client_for(server).chat("hi", response_format=Prime)
    assert (reply.parsed, len(server.requests)) == (Prime(number=91), 1)


@pytest.mark.parametrize("text", ["{" * 100_000, "[" * 100_000, '{"a": ' * 50_000, "[1, " * 50_000, "```\n" * 20_000])
def test_a_text_full_of_brackets_takes_no_time(text: str) -> None:
    assert json_texts(text) == []


def test_functions_may_be_called_first_and_the_schema_does_not_forbid_it(server: FakeServer) -> None:
    def now() -> str:
        """Tell the time."""
        return "noon"

    call = {"index": 0, "id": "call00001", "function": {"name": "now", "arguments": "{}"}}
    server.play(events_of({"tool_calls": [call]}, finish="tool_calls"))
    reply = client_for(server).chat("hi", response_format=Prime, tools=[now])
    assert (reply.parsed, len(reply.tool_calls), len(server.requests)) == (None, 1, 1)
    assert "response_format" not in sent(server)


def test_a_reply_that_goes_on_is_read_with_its_beginning(server: FakeServer) -> None:
    server.play(says(' 91, "is_prime": false}', thinking=""))
    reply = client_for(server).chat([user("Is 91 prime?"), assistant('{"number":')], response_format=Prime)
    assert reply.parsed == Prime(number=91)
    server.play(says(" no}", thinking=""))
    with pytest.raises(ProtocolError):
        client_for(server).chat([user("Is 91 prime?"), assistant('{"number":')], response_format=Prime)


KEEP_TO_SCHEMAS = {"vllm", "sglang", "llama-server", "mistral", "openrouter"}


@pytest.mark.parametrize("name", [name for name, row in ENDPOINTS.items() if row.engine == "http"])
def test_the_row_says_whether_the_server_keeps_to_schemas(server: FakeServer, name: str) -> None:
    server.play(says(BAD))
    server.play(says(GOOD))
    row = replace(ENDPOINTS[name], base_url=server.base_url)
    reply = Client(row, model="magistral-small-2509", api_key="x").chat("hi", response_format=Prime)
    assert reply.parsed == Prime(number=91)
    asked = ["response_format" in request.json() for request in server.requests]
    assert asked == [name in KEEP_TO_SCHEMAS] * 2
    assert not ENDPOINTS["transformers"].json_schema


def test_a_server_that_refuses_schemas_is_explained(server: FakeServer) -> None:
    server.play_json({"error": {"message": "response_format.type json_schema is not supported"}}, status=400)
    with pytest.raises(BadRequestError) as caught:
        client_for(server).chat("hi", response_format=Prime)
    assert "json_schema=False" in caught.value.hint


def test_strict_is_said_of_schemas_that_are(server: FakeServer) -> None:
    server.play(says('{"x": 1, "y": 2}'))
    client = client_for(server)
    client.chat("hi", response_format=Point)
    assert sent(server)["response_format"]["json_schema"]["strict"] is True
    client.chat("hi", response_format=SCHEMA)
    assert sent(server)["response_format"]["json_schema"]["strict"] is False


def test_a_budget_pays_for_both_requests_once(server: FakeServer) -> None:
    server.play(says(BAD, usage=(100, 20, 5)))
    server.play(says(GOOD, usage=(150, 30, 7)))
    budget = Budget(tokens=5_000)
    reply = client_for(server, budget=budget).chat("hi", response_format=Prime)
    assert reply.parsed == Prime(number=91)
    assert budget.spent.tokens == 100 + 20 + 150 + 30


def test_a_budget_that_is_used_up_allows_no_second_request(server: FakeServer) -> None:
    server.play(says(BAD, usage=(900, 90, 5)))
    with pytest.raises(BudgetExceededError) as caught:
        client_for(server, budget=Budget(tokens=1_000)).chat("hi", response_format=Prime)
    assert len(server.requests) == 1
    assert caught.value.partial
    assert caught.value.partial.answer == BAD


def test_a_budget_ends_an_answer_softly(server: FakeServer) -> None:
    server.play(events_of(*[{"content": "word "}] * 2_000))
    reply = client_for(server, budget=Budget(tokens=600)).chat("hi", response_format=Prime)
    assert (reply.finish_reason, reply.parsed, len(server.requests)) == ("budget", None, 1)
    assert reply.answer.startswith("word word")
