"""A model, or its server, repeats the key: it is in no event, no reply, no picture and no file."""

from __future__ import annotations

import contextlib
import copy
import json
import logging
import pickle
from typing import Any

import pytest

from magistral_nb import (
    AnswerDelta,
    Client,
    Event,
    MagistralError,
    Notice,
    Prompt,
    Reclassified,
    Reply,
    Secret,
    ThinkingDelta,
    ToolCall,
    user,
)
from magistral_nb.scrubbed_events import ScrubbedEvents
from magistral_nb.transports.sse import EventReader
from magistral_nb.transports.stream_errors import page_title, server_message
from tests.asking import COLOURS, ask_sync
from tests.fake_server import FakeServer
from tests.test_client import events_of
from tests.test_magics import at, notebook, run

KEY = "sk-planted-0123456789abcdef"
PARTS = (KEY, KEY[:8], KEY[-8:])


def leaks(shown: object) -> list[str]:
    return [part for part in PARTS if part in str(shown)]


def client_of(server: FakeServer, **settings: Any) -> Client:
    return Client(base_url=server.base_url, model="m", api_key=KEY, max_retries=0, **settings)


def cut(text: str, size: int, field: str) -> list[dict[str, str]]:
    return [{field: text[start : start + size]} for start in range(0, len(text), size)]


@pytest.mark.parametrize("size", [1, 3, 10, 100])
@pytest.mark.parametrize("colour", COLOURS)
def test_a_key_in_thinking_and_answer_is_in_no_event_and_no_reply(server: FakeServer, colour: str, size: int) -> None:
    said = f"The key is {KEY}, or {KEY}."
    server.play(events_of(*cut(said, size, "reasoning"), *cut(f"{said} Done", size, "content")))
    reply, events = COLOURS[colour](client_of(server), "q")
    assert reply.thinking == "The key is <redacted>, or <redacted>."
    assert reply.answer == "The key is <redacted>, or <redacted>. Done"
    for kind, whole in ((ThinkingDelta, reply.thinking), (AnswerDelta, reply.answer)):
        assert "".join(event.text for event in events if isinstance(event, kind)) == whole
    assert not leaks([event.to_dict() for event in events])


def test_two_halves_of_a_key_with_something_between_them() -> None:
    Secret(KEY)
    scrubbed = ScrubbedEvents()
    between: list[Event] = [Notice("x", "between"), ThinkingDelta("hm")]
    events = scrubbed.take([AnswerDelta(f"it is {KEY[:12]}"), *between, AnswerDelta(f"{KEY[12:]}!")])
    assert [event.text for event in events if isinstance(event, AnswerDelta)] == ["it is ", "<redacted>!"]
    assert [event for event in events if not isinstance(event, AnswerDelta)] == between


def test_an_answer_that_becomes_thinking_joins_no_halves() -> None:
    Secret(KEY)
    reply = Reply()
    for event in (ThinkingDelta(KEY[:5]), AnswerDelta(KEY[5:]), Reclassified()):
        reply.add(event)
    assert (reply.thinking, reply.answer) == ("<redacted>", "")


@pytest.mark.parametrize("colour", COLOURS)
def test_a_reply_that_breaks_off_within_the_key_shows_no_part_of_it(server: FakeServer, colour: str) -> None:
    server.play(events_of({"content": f"it is {KEY[:20]}"}, finish=None))
    with pytest.raises(MagistralError) as caught:
        COLOURS[colour](client_of(server), "q")
    assert caught.value.partial is not None
    assert caught.value.partial.answer == "it is <redacted>"


def test_a_reader_who_stops_within_the_key_sees_no_part_of_it(server: FakeServer) -> None:
    server.play([events_of({"content": "it is "}, {"content": KEY[:20]}, finish=None), 30.0])
    with client_of(server).stream("q") as stream:
        for event in stream:
            if isinstance(event, AnswerDelta):
                break
    assert stream.reply.finish_reason == "interrupted"
    assert not leaks(stream.reply.answer)


def test_calls_usage_and_ids_are_scrubbed(server: FakeServer) -> None:
    call = {"index": 0, "id": KEY, "function": {"name": f"f_{KEY}", "arguments": json.dumps({"key": KEY})}}
    server.play(events_of({"content": "x"}, {"tool_calls": [call]}, finish="tool_calls"), headers={"x-request-id": KEY})
    reply, events = ask_sync(client_of(server), "q")
    (made,) = [event for event in events if isinstance(event, ToolCall)]
    assert json.loads(made.arguments) == {"key": "<redacted>"}
    assert not leaks([*map(repr, events), reply.tool_calls, reply.request_id])


def ways_out(reply: Reply) -> dict[str, Any]:
    return {
        "repr": repr(reply), "dict": reply.to_dict(), "mime": reply._repr_mimebundle_(), "pickle": pickle.dumps(reply),
        "copy": copy.copy(reply).answer, "calls": [call.to_dict() for call in reply.tool_calls],
    }  # fmt: skip


def test_a_secret_that_becomes_known_later_leaves_what_is_written(server: FakeServer) -> None:
    late = "sk-late-0123456789abcdef"
    text = f"{late} and sk\\-late-0123456789abcdef"  # Markdown drops the backslash
    reply = Reply.from_dict({"answer": text, "thinking": late, "parsed": {"key": [late]}, "request_id": late})
    assert late in str(ways_out(reply)["dict"])
    Secret(late)
    for way, shown in ways_out(reply).items():
        assert late not in str(shown), way
    again = pickle.loads(pickle.dumps(reply))
    assert again == reply
    assert again.thinking == "<redacted>"


def test_a_prompt_is_shown_without_the_key_and_sent_with_it() -> None:
    Secret(KEY)
    prompt = Prompt.render([user(f"Why does {KEY} fail?")], revision="2507")
    assert KEY in prompt.text
    assert KEY in str(prompt.parts)
    settings = Client("demo", instructions=f"Use {KEY}.").settings
    for shown in (
        repr(user(KEY)),
        repr(settings),
        repr(prompt),
        str(prompt),
        prompt.to_dict(),
        prompt._repr_mimebundle_(),
    ):
        assert not leaks(shown)
        assert "<redacted>" in str(shown)


MASKED = ["Incorrect API key provided: sk-plant********cdef.", "Received sk-...cdef", "key sk-pla…abcdef", "no *** key"]


@pytest.mark.parametrize("told", MASKED)
def test_an_error_shows_no_ends_of_a_key_that_the_server_masked(server: FakeServer, told: str) -> None:
    server.play_json({"error": {"message": told}}, status=401)
    with pytest.raises(MagistralError) as caught:
        client_of(server).chat("q")
    assert "cdef" not in str(caught.value)
    assert "sk-pla" not in str(caught.value)
    assert ("<redacted>" in str(caught.value)) == (told != MASKED[-1])


def test_words_are_cut_after_they_were_scrubbed() -> None:
    Secret(KEY)
    for before in range(60, 102):
        page = f"<html><title>{'x' * before}{KEY.replace('-', '&#45;')}</title></html>"
        reader = EventReader()
        reader.feed(b"data: {" + b"x" * before + KEY.encode() + b"\n\n")
        for shown in (page_title(page), str(reader.failure), server_message({"message": "x" * (400 + before) + KEY})):
            assert not leaks(shown)
            assert "sk-p" not in shown


def test_a_list_of_models_that_is_none_is_quoted_without_the_key(server: FakeServer) -> None:
    server.play(b"x" * 90 + KEY.encode(), path="/v1/models", framing="length")
    with pytest.raises(MagistralError) as caught:
        client_of(server).models()
    assert not leaks(caught.value)
    assert "sk-p" not in str(caught.value)


def test_another_providers_key_is_taken_out_too(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOGETHER_API_KEY", "tg-0123456789abcdef")
    monkeypatch.setenv("SOMEBODY_API_TOKEN", "st-0123456789abcdef")
    monkeypatch.setenv("A_TOKEN", "an ordinary sentence with 1 number")
    server.play(events_of({"content": "tg-0123456789abcdef st-0123456789abcdef an ordinary sentence with 1 number"}))
    assert client_of(server).chat("q").answer == "<redacted> <redacted> an ordinary sentence with 1 number"


def test_debug_logs_hold_no_key(server: FakeServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    error = json.dumps({"error": {"message": f"bad {KEY}"}}).encode()
    for status in (401, 302, 500):
        server.play(error, headers={"x-echo": KEY, "location": f"https://other.invalid/?key={KEY}"}, status=status)
        with contextlib.suppress(MagistralError):
            client_of(server).chat("q")
    address = server.base_url.replace("://", f"://me:{KEY}@")
    with contextlib.suppress(MagistralError):
        Client(base_url=f"{address}?api_key={KEY}", model="m", max_retries=0).chat("q")
    assert {"openai._base_client", "httpx2", "httpcore2.http11"} <= {record.name for record in caplog.records}
    shown = caplog.text + "".join(str(record.__dict__) for record in caplog.records if record.name != "asyncio")
    assert not leaks(shown)


def test_a_cell_and_the_last_error_show_no_key(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAGISTRAL_API_KEY", KEY)
    server.play(events_of({"reasoning": KEY}, {"content": f"```\n{KEY}\n```"}))
    with notebook() as shell:
        for form in ("", "-f md", "-f text", "-f code", "-f json", "-f html"):
            _, out, err = run(shell, at(server, form) + "\nhi")
            assert not leaks(out + err)
        server.play_json({"error": {"message": f"bad {KEY}"}}, status=401)
        server.play_json({"error": {"message": f"bad {KEY}"}}, status=401)
        run(shell, at(server) + "\nhi")
        _, out, err = run(shell, "%magistral last-error")
        assert "<redacted>" in out
        assert not leaks(out + err)
        _, out, _ = run(shell, f"%magistral ask --dry-run -e demo Why does {KEY} fail?")
        assert not leaks(out)


def test_a_verbose_traceback_shows_nothing_of_what_a_server_repeated(server: FakeServer) -> None:
    server.play(b"x" * 9 + KEY.encode(), path="/v1/models", framing="length")
    ask = f"Client(base_url={server.base_url!r}, model='m', max_retries=0)"
    with notebook() as shell:
        Secret(KEY)
        run(shell, "%xmode Verbose")
        try:
            for body, how in (
                (events_of({"content": f"it is {KEY}"}, finish=None), {"end": "reset"}),
                (events_of({"content": f"it is {KEY}"}, finish=None) + b"data: {no json\n\n", {}),
            ):
                server.play(body, **how)
                _, out, err = run(shell, f"from magistral_nb import Client\n{ask}.chat('q')")
                assert "Error" in out + err
                assert not leaks(out + err)
            _, out, err = run(shell, f"{ask}.models()")
            assert "ProtocolError" in out + err
            assert not leaks(out + err)
        finally:
            run(shell, "%xmode Context")
