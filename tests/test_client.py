"""One question, one reply: what is sent, what comes back, what is kept when it goes wrong."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from magistral_nb import (
    AnswerDelta,
    APIConnectionError,
    AuthenticationError,
    Client,
    ConfigurationError,
    ConnectionLostError,
    ContextLengthError,
    InternalServerError,
    MagistralError,
    NotAnAPIError,
    NotFoundError,
    Notice,
    QuotaError,
    RateLimitError,
    Started,
    ThinkingDelta,
    assistant,
    system,
    user,
)
from tests.asking import COLOURS
from tests.fake_server import FakeServer

KEY = "sk-demo-123456"


def events_of(*deltas: dict[str, Any], finish: str | None = "stop") -> bytes:
    chunks: list[dict[str, Any]] = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    if finish:
        chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    end = "data: [DONE]\n\n" if finish else ""
    return ("".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + end).encode()


GOOD = events_of({"reasoning": "Two."}, {"content": "4"})


def client_for(server: FakeServer, **settings: Any) -> Client:
    return Client(base_url=server.base_url, **{"model": "magistral-small", "api_key": KEY, **settings})


def sent(server: FakeServer) -> dict[str, Any]:
    body: dict[str, Any] = server.requests[-1].json()
    return body


def test_sampling_is_always_sent_and_calls_override_clients(server: FakeServer) -> None:
    server.play(GOOD)
    client = client_for(server, seed=3, stop=["x"], extra_body={"top_k": 5})
    client.chat("hi")
    body = sent(server)
    assert (body["temperature"], body["top_p"], body["max_tokens"]) == (0.7, 0.95, 40_960)
    assert (body["seed"], body["stop"], body["top_k"], body["stream"]) == (3, ["x"], 5, True)
    assert body["stream_options"] == {"include_usage": True}
    client.chat("hi", temperature=0, seed=1, max_tokens=10)
    assert (sent(server)["temperature"], sent(server)["seed"], sent(server)["max_tokens"]) == (0, 1, 10)


def test_a_setting_that_does_not_exist_is_named(server: FakeServer) -> None:
    client = client_for(server)
    with pytest.raises(ConfigurationError, match="temperature"):
        client.chat("hi", temprature=0)  # type: ignore[call-arg]  # the mistake is the test
    with pytest.raises(ConfigurationError, match="top_p is 2"):
        client.chat("hi", top_p=2)
    with pytest.raises(ConfigurationError, match="max_tokens"):
        client.chat("hi", max_tokens=0)
    assert server.requests == []


DRAFT = "First draft your thinking process"


def test_the_system_prompt_of_the_revision_and_what_replaces_it(server: FakeServer) -> None:
    server.play(GOOD)
    client = client_for(server)

    def first(**settings: Any) -> dict[str, Any]:
        prompt = settings.pop("prompt", "hi")
        client.chat(prompt, **settings)
        message: dict[str, Any] = sent(server)["messages"][0]
        return message

    default = first()
    assert default["role"] == "system"
    assert default["content"].startswith(DRAFT)
    assert "[THINK]Your thoughts" in default["content"]
    assert "<think>" in first(revision="2506")["content"]
    assert "<think>" in first(model="mistralai/Magistral-Small-2506")["content"]
    assert first(instructions="Speak French.")["content"].endswith("response.\n\nSpeak French.")
    assert first(system="Be brief.")["content"] == "Be brief."
    assert first(system=None) == {"role": "user", "content": "hi"}
    assert first(prompt=[system("Mine."), user("hi")])["content"] == "Mine."
    assert first(model="gpt-5") == {"role": "user", "content": "hi"}


def test_conversations_of_messages_and_of_dicts(server: FakeServer) -> None:
    server.play(GOOD)
    client = client_for(server)
    client.chat([user("a"), assistant("b", thinking="long"), {"role": "user", "content": "c"}], system=None)
    assert sent(server)["messages"] == [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    for bad in ([], 3, [4], b"x"):
        with pytest.raises(ConfigurationError):
            client.chat(bad)  # type: ignore[arg-type]  # the mistake is the test


def test_a_reply_of_a_client_without_a_model_says_how_to_name_one(server: FakeServer) -> None:
    with pytest.raises(ConfigurationError, match=r"client\.models"):
        Client(base_url=server.base_url).chat("hi")


@pytest.mark.parametrize("colour", COLOURS)
def test_events_arrive_in_order_with_their_times(server: FakeServer, colour: str) -> None:
    server.play(GOOD)
    _, events = COLOURS[colour](client_for(server))
    assert [event.type for event in events] == ["started", "thinking.delta", "answer.delta", "done"]
    assert isinstance(events[0], Started)
    assert events[0].model == "magistral-small"
    times = [event.at for event in events]
    assert times == sorted(times)


def test_text_stream_and_stopping_early(server: FakeServer) -> None:
    server.play(events_of({"reasoning": "T"}, {"content": "a"}, {"content": "b"}))
    with client_for(server).stream("hi") as stream:
        assert "".join(stream.text_stream) == "ab"
    server.play([events_of({"reasoning": "T"}, {"content": "a"}, finish=None), 5.0, b"late"])
    with client_for(server).stream("hi") as stream:
        for event in stream:
            if isinstance(event, AnswerDelta):
                break
    assert server.wait_closed(1)
    assert (stream.reply.answer, stream.reply.finish_reason, stream.reply.complete) == ("a", "interrupted", False)


@pytest.mark.parametrize("colour", COLOURS)
def test_what_had_arrived_is_kept_when_the_stream_breaks(server: FakeServer, colour: str) -> None:
    server.play(events_of({"reasoning": "Two"}, {"content": "4 [TH"}, finish=None))
    with pytest.raises(ConnectionLostError) as caught:
        COLOURS[colour](client_for(server))
    partial = caught.value.partial
    assert partial
    assert (partial.thinking, partial.answer, partial.complete) == ("Two", "4 [TH", False)
    assert caught.value.model == "magistral-small"
    assert len(server.requests) == 1  # nothing is asked twice after the first word


def failure(server: FakeServer, status: int, body: object, **how: Any) -> Exception:
    server.play_json(body, status=status, **how)
    with pytest.raises(Exception) as caught:  # noqa: PT011  the caller looks at its kind
        client_for(server, max_retries=0).chat("hi")
    return caught.value


def failure_with_key(server: FakeServer, key: str) -> Exception:
    server.play_json({"error": {"message": "no x-ample"}}, status=400)
    with pytest.raises(MagistralError) as caught:
        client_for(server, api_key=key).chat("hi")
    return caught.value


def test_statuses_become_errors_that_say_what_to_do(server: FakeServer) -> None:
    refused = failure(server, 401, {"error": {"message": f"bad key {KEY}"}}, headers={"x-request-id": "req_9"})
    assert isinstance(refused, AuthenticationError)
    assert KEY not in str(refused)
    assert "api_key=" in refused.hint
    assert refused.request_id == "req_9"
    missing = failure(server, 404, {"error": {"message": "no such model"}})
    assert isinstance(missing, NotFoundError)
    assert "models()" in missing.hint
    assert "x-ample" in str(failure_with_key(server, "x"))  # a placeholder is no secret
    limited = failure(server, 429, {"error": {"message": "slow"}}, headers={"retry-after": "7"})
    assert isinstance(limited, RateLimitError)
    assert limited.retry_after == 7
    for status in (400, 422, 429):
        spent = failure(server, status, {"error": {"message": "Budget has been exceeded! Current cost: 1.0"}})
        assert isinstance(spent, QuotaError)
    unknown = failure(server, 400, {"error": {"message": "Invalid model name passed in model=x."}})
    assert isinstance(unknown, NotFoundError)
    echoed = failure(server, 401, {"error": {"message": "Received API Key = sk-...3456, Key Hash (Token) =abc12"}})
    assert "3456" not in str(echoed)
    assert "abc12" not in str(echoed)
    assert isinstance(failure(server, 502, "<title>Bad gateway</title>"), InternalServerError)
    too_long = {"error": {"message": "This model's maximum context length is 4096 tokens", "type": "x"}}
    assert isinstance(failure(server, 400, too_long), ContextLengthError)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_redirect_is_not_followed(server: FakeServer, colour: str) -> None:
    with FakeServer() as elsewhere:
        elsewhere.play(GOOD)
        server.play(b"", status=307, headers={"location": f"{elsewhere.base_url}/chat/completions"})
        with pytest.raises(NotAnAPIError) as caught:
            COLOURS[colour](client_for(server))
        assert elsewhere.base_url in caught.value.hint
        assert elsewhere.requests == []


def test_a_server_that_is_not_there(server: FakeServer) -> None:
    url = server.base_url
    server.__exit__()
    with pytest.raises(APIConnectionError) as caught:
        Client(base_url=url, model="m", max_retries=0).chat("hi")
    assert url in str(caught.value)
    assert "running" in caught.value.hint


def test_max_tokens_fits_the_window_and_a_named_window_is_tried_once(server: FakeServer) -> None:
    words = "This model's maximum context length is 8192 tokens. However, you requested 41000 tokens"
    server.play_json({"error": {"message": words}}, status=400)
    server.play(GOOD)
    reply = client_for(server).chat("hi", system=None)
    assert 7_500 < sent(server)["max_tokens"] < 8_192
    assert reply.notices == []  # lowering our own default is silent
    with client_for(server).stream("hi", max_tokens=8_100, system=None) as stream:
        assert not [event for event in stream if isinstance(event, Notice)]


def test_lowering_the_users_own_max_tokens_is_said(server: FakeServer) -> None:
    words = "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens"
    server.play_json({"error": {"message": words}}, status=400)
    server.play(GOOD)
    reply = client_for(server).chat("hi", max_tokens=8_190)
    assert [notice.code for notice in reply.notices] == ["max_tokens_lowered"]


def test_settings_say_where_each_value_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAVIGATOR_API_KEY", KEY)
    settings = Client("navigator", temperature=0).settings
    assert settings.temperature == 0
    assert settings.sources["temperature"].source == "argument"
    assert settings.sources["top_p"] == (0.95, "default")
    assert settings.sources["model"] == ("magistral-small", "endpoint navigator")
    assert settings.sources["api_key"].source == "$NAVIGATOR_API_KEY"
    assert KEY not in repr(settings)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_server_that_never_ends_its_body_costs_a_moment(server: FakeServer, colour: str) -> None:
    server.play(GOOD, end="hold")
    COLOURS[colour](client_for(server))  # the first request imports the HTTP client
    began = time.monotonic()
    reply, _ = COLOURS[colour](client_for(server))
    assert (reply.answer, reply.complete) == ("4", True)
    assert time.monotonic() - began < 1


def test_connections_are_used_again(server: FakeServer) -> None:
    server.play(GOOD)
    with client_for(server) as client:
        for _ in range(5):
            client.chat("hi")
    assert (len(server.requests), server.connections) == (5, 1)


async def test_connections_are_used_again_on_an_event_loop(server: FakeServer) -> None:
    server.play(GOOD)
    async with client_for(server) as client:
        for _ in range(5):
            await client.achat("hi")
    assert (len(server.requests), server.connections) == (5, 1)


def test_a_notice_when_thinking_was_due_and_none_came(server: FakeServer) -> None:
    server.play(events_of({"content": "4"}))
    reply = client_for(server).chat("hi")
    assert [notice.code for notice in reply.notices] == ["no_thinking"]
    assert client_for(server, model="gpt-5").chat("hi").notices == []


def test_thinking_and_answer_are_apart_in_the_stream(server: FakeServer) -> None:
    server.play(GOOD)
    with client_for(server).stream("hi") as stream:
        told = [event for event in stream if isinstance(event, ThinkingDelta)]
    assert [event.text for event in told] == ["Two."]
