"""What no server should send and some do: the decoder makes the best of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from magistral_nb import ConnectionLostError, ProtocolError, Reply, ServerStreamError
from magistral_nb.costs import Price
from magistral_nb.dialects import Decoder
from tests.test_decoder import Delta, codes, read, said


def text_chunk(*texts: str) -> Delta:
    return {"content": [{"type": "text", "text": text} for text in texts]}


def thought_chunk(text: str) -> Delta:
    return {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]}


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "thinking"])
def test_a_thought_told_in_a_content_list_and_in_a_field_counts_once(field: str) -> None:
    both = [thought_chunk(text) | {field: text} for text in ("Two", " and", " two.")]
    assert said(read([*both, {"content": "4"}])) == ("Two and two.", "4")


HALVES: dict[str, tuple[list[Delta], tuple[str, str]]] = {
    "text parts": ([text_chunk("a\ud83d"), text_chunk("\ude00b")], ("", "a😀b")),
    "text parts of one list": ([text_chunk("a\ud83d", "\ude00b")], ("", "a😀b")),
    "thinking parts": ([thought_chunk("a\ud83d"), thought_chunk("\ude00b"), {"content": "4"}], ("a😀b", "4")),
    "the end of an answer": ([{"content": "a\ud83d"}], ("", "a�")),
    "the end of a list": ([text_chunk("a\ud83d")], ("", "a�")),
    "the end of a thought": ([{"reasoning": "a\ud83d", "thinking": "a\ud83d"}], ("a�", "")),
}


@pytest.mark.parametrize("case", HALVES)
def test_halves_of_characters_never_reach_the_reader(case: str) -> None:
    deltas, wanted = HALVES[case]
    assert said(read(deltas)) == wanted


def test_tool_calls_and_finish_reasons_hold_whole_characters_only() -> None:
    pieces = ({"id": "\ud83d", "name": "\ud83d", "arguments": '{"x": "\ud83d'}, {"arguments": '\ude00"}'})
    deltas = [{"tool_calls": [{"index": 0, "id": one.get("id"), "function": one}]} for one in pieces]
    reply = read(deltas, finish="\ud83d")
    json.dumps(reply.to_dict(), ensure_ascii=False).encode()
    assert reply.tool_calls[0].arguments == '{"x": "😀"}'


@pytest.mark.parametrize("value", [1e999, float("nan"), -1, 10**400, "9" * 5000, True, [3]])
def test_counts_that_are_none_are_left_out(value: object) -> None:
    decoder = Decoder(price=Price(1.0, 2.0))
    decoder.feed({"choices": [{"delta": {"content": "4"}, "finish_reason": "stop"}]})
    decoder.feed({"usage": {"prompt_tokens": value, "completion_tokens": 7}})
    (counted,) = [event for event in [*decoder.flush(), *decoder.close()] if event.type == "usage"]
    assert (counted.prompt_tokens, counted.completion_tokens) == (0, 7)


def test_a_thought_nested_too_deeply_is_an_error_of_ours() -> None:
    block: Any = "T"
    for _ in range(100_000):
        block = [block]
    decoder = Decoder()
    with pytest.raises(ProtocolError):
        decoder.feed({"choices": [{"delta": {"thinking": block}}]})
    while isinstance(block, list):  # taken apart by hand: Python's own way would recurse
        block = block.pop()


def function(name: str | None = None, arguments: Any = None) -> Delta:
    return {"function": {"name": name, "arguments": arguments}}


CALLS: dict[str, tuple[list[Delta], list[tuple[str, str, str]]]] = {
    "an id in the first piece only": (
        [{"tool_calls": [{"id": "a"} | function("f", '{"x"')]}, {"tool_calls": [function(None, ": 1}")]}],
        [("a", "f", '{"x": 1}')],
    ),
    "two such calls": (
        [{"tool_calls": [piece]} for n in "ab" for piece in ({"id": n} | function(n, '{"x"'), function(None, ": 1}"))],
        [("a", "a", '{"x": 1}'), ("b", "b", '{"x": 1}')],
    ),
    "one index for two ids": (
        [{"tool_calls": [{"index": 0, "id": n} | function(n, "{}")]} for n in "ab"],
        [("a", "a", "{}"), ("b", "b", "{}")],
    ),
    "a fresh id with every piece": (
        [{"tool_calls": [{"index": 0, "id": "a"} | function("f", "{")]},
         {"tool_calls": [{"index": 0, "id": "b"} | function(None, "}")]}],
        [("a", "f", "{}")],
    ),
    "one id for two indices": (
        [{"tool_calls": [{"index": n, "id": "a"} | function(f"f{n}", "{}")]} for n in (0, 1)],
        [("a", "f0", "{}"), ("a", "f1", "{}")],
    ),
    "a name in pieces": (
        [{"tool_calls": [{"index": 0, "id": "a"} | function("get_", "")]},
         {"tool_calls": [{"index": 0} | function("time", "{}")]}],
        [("a", "get_time", "{}")],
    ),
    "a name with every piece": (
        [{"tool_calls": [{"index": 0} | function("f", piece)]} for piece in ("{", "}")], [("", "f", "{}")],
    ),
    "neither ids nor indices": (
        [{"tool_calls": [function("f", "{}"), function("g", "{}")]}], [("", "f", "{}"), ("", "g", "{}")],
    ),
    "one call that is in no list": ([{"tool_calls": {"id": "a"} | function("f", {})}], [("a", "f", "{}")]),
    "calls by number": ([{"tool_calls": {"0": {"id": "a"} | function("f", "{}")}}], [("a", "f", "{}")]),
    "the old spelling": (
        [{"function_call": {"name": "f", "arguments": "{"}}, {"function_call": {"arguments": "}"}}], [("", "f", "{}")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CALLS)
def test_tool_calls_in_every_kind_of_pieces(case: str) -> None:
    deltas, wanted = CALLS[case]
    called = [(call.id, call.name, call.arguments) for call in read(deltas, finish="tool_calls").tool_calls]
    assert called == wanted


def test_a_reply_that_breaks_off_keeps_its_usage_and_its_complete_tool_calls() -> None:
    decoder, reply = Decoder(), Reply()
    calls = [{"index": 0} | function("f", '{"x": 1}'), {"index": 1} | function("g", '{"x"')]
    decoder.feed({"choices": [{"delta": {"tool_calls": calls}}], "usage": {"prompt_tokens": 3, "completion_tokens": 4}})
    for event in [*decoder.flush(), *decoder.flush()]:
        reply.add(event)
    assert [call.name for call in reply.tool_calls] == ["f"]
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 4
    with pytest.raises(ConnectionLostError):
        decoder.close()


def test_a_reply_that_ends_in_an_error_is_not_whole() -> None:
    decoder = Decoder()
    decoder.feed({"choices": [{"delta": {"content": "4"}, "finish_reason": "error"}]})
    decoder.feed({"magistral": {"done": True}})
    assert not decoder.ended
    with pytest.raises(ServerStreamError):
        decoder.close()


def test_a_finish_reason_ends_the_reply_whatever_happens_to_the_connection() -> None:
    decoder = Decoder()
    decoder.feed({"choices": [{"delta": {"content": "4"}}]})
    assert not decoder.ended
    decoder.feed({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    assert decoder.ended
    assert [*decoder.flush(), *decoder.close()][-1].type == "done"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("4</s>", ("", "4")), ("[THINK]T</s>", ("T", "")), ("[THINK]T[/THINK]4</s>", ("T", "4")),
     ("it ends with </s>", ("", "it ends with </s>")),
     ("</s> ends a reply", ("", "</s> ends a reply")), ("a </", ("", "a </")), ("a < b", ("", "a < b"))],
)  # fmt: skip
def test_the_token_that_ends_a_reply_is_no_text_of_it(text: str, wanted: tuple[str, str]) -> None:
    assert said(read([{"content": text}])) == said(read([{"content": one} for one in text])) == wanted


@pytest.mark.parametrize(
    "delta",
    [{"reasoning": {"text": "T"}}, {"thinking": {"type": "thinking", "thinking": [{"type": "text", "text": "T"}]}},
     {"content": [{"type": "reasoning", "reasoning": "T"}]}],
)  # fmt: skip
def test_a_thought_in_a_block_of_its_own(delta: Delta) -> None:
    assert said(read([delta, {"content": "4"}])) == ("T", "4")


def test_notices_tell_blocked_and_blank_answers_apart() -> None:
    blocked = read([{}], finish="content_filter").notices
    assert [notice.code for notice in blocked] == ["empty_reply"]
    assert "filter" in blocked[0].text
    assert "seed" not in blocked[0].text
    assert codes(read([{"reasoning": "T"}, {"content": " \n"}])) == ["no_answer"]


def test_a_reply_from_a_later_version_is_read() -> None:
    data = Reply().to_dict() | {
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "new": 3},
        "notices": [{"code": "c", "text": "t", "new": 3}],
        "tool_calls": [{"id": "a", "name": "f", "arguments": "{}", "new": 3}],
    }
    reply = Reply.from_dict(data)
    assert (reply.notices[0].code, reply.tool_calls[0].name) == ("c", "f")
