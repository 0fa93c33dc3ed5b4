"""Bytes to chunks: every way a stream of events can be written, and what is no stream at all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from magistral_nb import MagistralError, NotAnAPIError, ProtocolError, ServerStreamError, TooLargeError
from magistral_nb.transports import Chunk
from magistral_nb.transports.sse import DONE, EventReader
from magistral_nb.transports.stream_errors import server_message

A: Chunk = {"choices": [{"delta": {"content": "a\u2028b"}}]}
B: Chunk = {"choices": [{"delta": {"content": "é😀"}}]}
JSON_A, JSON_B = (json.dumps(chunk, ensure_ascii=False).encode() for chunk in (A, B))


def read(body: bytes, size: int = 10_000, **limits: int) -> tuple[list[Chunk], MagistralError | None]:
    reader, chunks = EventReader(**limits), []
    for start in range(0, len(body), size):
        chunks += reader.feed(body[start : start + size])
        if reader.done or reader.failure:
            break
    return [*chunks, *reader.close()], reader.failure


STREAMS = {
    "plain": b"data: %s\n\ndata: %s\n\ndata: [DONE]\n\n" % (JSON_A, JSON_B),
    "crlf": b"data: %s\r\n\r\ndata: %s\r\n\r\ndata: [DONE]\r\n\r\n" % (JSON_A, JSON_B),
    "cr": b"data: %s\r\rdata: %s\r\rdata: [DONE]\r\r" % (JSON_A, JSON_B),
    "no space": b"data:%s\n\ndata:%s\n\ndata:[DONE]\n\n" % (JSON_A, JSON_B),
    "comments": b": hi\n\n:\n\ndata: %s\n\n: ping\ndata: %s\n\ndata: [DONE]\n\n" % (JSON_A, JSON_B),
    "fields": b"id: 1\nretry: 5\nevent: chunk\ndata: %s\n\nfoo\ndata: %s\n\ndata: [DONE]\n\n" % (JSON_A, JSON_B),
    "two lines": b"data: %s\ndata: %s\n\ndata: %s\n\ndata: [DONE]\n\n" % (JSON_A[:11], JSON_A[11:], JSON_B),
    "bom": b"\xef\xbb\xbfdata: %s\n\ndata: %s\n\ndata: [DONE]\n\n" % (JSON_A, JSON_B),
    "no last line end": b"data: %s\n\ndata: %s\n\ndata: [DONE]" % (JSON_A, JSON_B),
    "blank lines before": b"\n\n\ndata: %s\n\n\n\ndata: %s\n\ndata: [DONE]\n\n" % (JSON_A, JSON_B),
}


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("name", STREAMS)
def test_every_way_of_writing_events(name: str, size: int) -> None:
    assert read(STREAMS[name], size) == ([A, B, DONE], None)


def test_half_an_event_at_the_end_is_no_event_and_no_error() -> None:
    assert read(b"data: %s\n\ndata: %s" % (JSON_A, JSON_B[:20])) == ([A], None)


def test_an_event_of_several_lines_that_is_cut_between_two_is_no_event_and_no_error() -> None:
    assert read(b'data: %s\n\ndata: {\ndata:  "choices": [\n' % JSON_A) == ([A], None)


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r"])
@pytest.mark.parametrize("size", [1, 10_000])
def test_an_event_is_given_out_at_once_whatever_ends_its_lines(end: bytes, size: int) -> None:
    """A server may be silent from there on, or hold the connection open after [DONE]."""
    reader, chunks = EventReader(), []
    body = b"data: " + JSON_A + end + b"data: [DONE]" + end
    for start in range(0, len(body), size):
        chunks += reader.feed(body[start : start + size])
    assert chunks == [A, DONE]
    assert reader.done


ERRORS = {
    "object": b'data: {"error": {"message": "boom", "code": 500}}\n\n',
    "string": b'data: {"error": "boom"}\n\n',
    "vllm": b'data: {"object": "error", "message": "boom", "code": 400}\n\n',
    "event": b'event: error\ndata: {"message": "boom"}\n\n',
    "event with text": b'event: error\ndata: "boom"\n\n',
    "event with bare text": b"event: error\ndata: boom, it died\n\n",
    "not escaped": b'data: {"error": "he said "boom""}\n\n',
    "detail": b'data: {"error": {"detail": "boom"}}\n\n',
    "whole body": b'{"error": {"message": "boom"}}',
    "choice": b'data: {"choices": [{"index": 0, "error": {"message": "boom"}}]}\n\n',
}


@pytest.mark.parametrize("size", [1, 10_000])
@pytest.mark.parametrize("name", ERRORS)
def test_an_error_inside_the_stream_is_raised_after_the_text_before_it(name: str, size: int) -> None:
    before = b"" if name == "whole body" else b"data: %s\n\n" % JSON_A
    chunks, failure = read(before + ERRORS[name], size)
    assert isinstance(failure, ServerStreamError)
    assert "boom" in failure.message
    assert [chunk for chunk in chunks if "error" not in chunk["choices"][0]] == ([A] if before else [])


def test_text_beside_an_error_is_kept() -> None:
    both = {"error": {"message": "boom"}, "choices": [{"delta": {"content": "last words"}, "finish_reason": "error"}]}
    chunks, failure = read(b"data: %s\n\n" % json.dumps(both).encode())
    assert chunks[0]["choices"] == both["choices"]
    assert isinstance(failure, ServerStreamError)


def test_no_server_speaks_in_our_name() -> None:
    chunks, _ = read(b'data: {"magistral": {"done": true}, "choices": []}\n\n')
    assert chunks == [{"choices": []}]


def test_a_null_error_is_none() -> None:
    assert read(b'data: {"error": null, "choices": []}\n\n')[1] is None


def test_bytes_that_are_no_text_become_a_notice_once() -> None:
    bad = b'data: {"choices": [{"delta": {"content": "\xff"}}]}\n\n'
    chunks, failure = read(bad + bad)
    assert failure is None
    assert [chunk["choices"][0]["delta"]["content"] for chunk in chunks if "choices" in chunk] == ["\ufffd"] * 2
    assert sum("notice" in chunk.get("magistral", {}) for chunk in chunks) == 1


@pytest.mark.parametrize("size", [1, 10_000])
def test_a_page_names_its_title_and_broken_json_shows_itself(size: int) -> None:
    _, failure = read(b"\n<!doctype html><title>Sign  in &amp; go</title><p>x", size)
    assert isinstance(failure, NotAnAPIError)
    assert "Sign in & go" in failure.message
    _, failure = read(b"data: {not json}\n\n", size)
    assert isinstance(failure, ProtocolError)
    assert "{not json}" in failure.message


def test_limits_end_what_never_ends() -> None:
    _, failure = read(b"data: " + b"A" * 5000, 100, most_event_bytes=1024)
    assert isinstance(failure, TooLargeError)
    _, failure = read(b"data: {}\n\n" * 500, 100, most_reply_bytes=1024)
    assert isinstance(failure, TooLargeError)
    _, failure = read(b"data: a\n" * 500, 100, most_event_bytes=1024)
    assert isinstance(failure, TooLargeError)
    _, failure = read(b"<p>" * 5000, 100, most_reply_bytes=1024)
    assert isinstance(failure, TooLargeError)


def test_a_choice_that_ends_in_an_error_is_one() -> None:
    last = {"choices": [{"index": 0, "delta": {"content": "last words"}, "finish_reason": "error"}]}
    chunks, failure = read(b"data: %s\n\ndata: [DONE]\n\n" % json.dumps(last).encode())
    assert chunks == [last]
    assert isinstance(failure, ServerStreamError)
    assert "gave no reason" in failure.message


DEEP = b"[" * 200_000
NESTED = {
    "event": b'data: {"choices": %s%s}\n\n' % (DEEP, b"]" * len(DEEP)),
    "event that never closes": b"data: %s\n\n" % DEEP,
    "event with bytes that are no text": b'data: {"a": "\xff", "b": %s%s}\n\n' % (DEEP, b"]" * len(DEEP)),
    "whole body": DEEP + b"]" * len(DEEP),
}


@pytest.mark.parametrize("name", NESTED)
def test_json_nested_too_deeply_is_an_error_after_the_text_before_it(name: str) -> None:
    before = b"" if name == "whole body" else b"data: %s\n\n" % JSON_A
    chunks, failure = read(before + NESTED[name], 1_000_000)
    assert isinstance(failure, ProtocolError)
    assert chunks == ([A] if before else [])


def test_an_error_with_a_nested_reason_still_says_something() -> None:
    told: Any = "boom"
    for _ in range(100_000):
        told = {"error": told}
    assert server_message(told) == "boom"
    while isinstance(told, dict):  # taken apart by hand: Python's own way would recurse
        told = told.pop("error")
    told = []
    for _ in range(100_000):
        told = [told]
    assert "too deeply" in server_message({"detail": told})
    while told:
        told = told.pop()


def test_a_server_message_holds_whole_characters_only() -> None:
    _, failure = read(b'data: {"error": {"message": "a\\ud83d"}}\n\n')
    assert failure is not None
    assert "a\ufffd" in str(failure)
