"""The rules of the one decoder, a row each. Every text is also read character by character, with the same result."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest

from magistral_nb import ConnectionLostError, ProtocolError, Reply
from magistral_nb.dialects import Decoder

Delta = dict[str, Any]


def read(deltas: list[Delta], *, finish: str | None = "stop", **how: Any) -> Reply:
    decoder, reply = Decoder(**how), Reply()
    chunks = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    if finish:
        chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    for event in itertools.chain.from_iterable(map(decoder.feed, chunks)):
        reply.add(event)
    for event in [*decoder.flush(), *decoder.close()]:
        reply.add(event)
    return reply


def said(reply: Reply) -> tuple[str, str]:
    return reply.thinking, reply.answer


TEXTS = {
    # The head of a reply: a block of either kind is thinking, and its white space belongs to the tags.
    "<think>\nTwo.\n</think>\n4": ("Two.", "4"),
    " \n[THINK] Two. [/THINK]\n\n4": ("Two.", "4"),
    "<think></think>\n\n4": ("", "4"),
    "[THINK][THINK]Two.[/THINK]4": ("[THINK]Two.", "4"),
    # Only its own closing tag ends it; later tags are text.
    "<think>say [/THINK] or not</think>4": ("say [/THINK] or not", "4"),
    "[THINK]a[/THINK]b [THINK]c[/THINK]": ("a", "b [THINK]c[/THINK]"),
    "[THINK]a[/THINK]`[/THINK]` x </think> y": ("a", "`[/THINK]` x </think> y"),
    # Not at the head: text.
    "Use <think>this</think>": ("Use <think>this", ""),  # …but the closing tag alone speaks for a prompt's thought
    "Use <think> and stop": ("", "Use <think> and stop"),
    "   - item": ("", "   - item"),
    # Half a tag is text.
    "[TH": ("", "[TH"),
    "a < b and [T": ("", "a < b and [T"),
    "[THINK]cut [/THI": ("cut [/THI", ""),
    # A closing tag with no opening one.
    "Two and two.\n[/THINK]\n4": ("Two and two.", "4"),
    "Two.</think>4 </think> 5": ("Two.", "4 </think> 5"),
    "</think>\n\n4": ("", "4"),
    "</think>\nTwo.</think>4": ("Two.", "4"),
    # …quoted in code it is text.
    "Write `[/THINK]` here": ("", "Write `[/THINK]` here"),
    "Write ``a ` [/THINK]`` here": ("", "Write ``a ` [/THINK]`` here"),
    "```\n[/THINK]\n```\ndone": ("", "```\n[/THINK]\n```\ndone"),
    "~~~ text\n</think>\n~~~\ndone": ("", "~~~ text\n</think>\n~~~\ndone"),
    "Code:\n\n    [/THINK]\n\ndone": ("", "Code:\n\n    [/THINK]\n\ndone"),
    "``` x `` [/THINK] ```a": ("", "``` x `` [/THINK] ```a"),
    # …after code it is a tag again.
    "```\n[/THINK]\n```\nso [/THINK] 4": ("```\n[/THINK]\n```\nso", "4"),
    "``[/THINK]`` and `[/THINK]`: done [/THINK] 4": ("``[/THINK]`` and `[/THINK]`: done", "4"),
    # …a lone backtick opens no code.
    "It's a ` sign [/THINK]4": ("It's a ` sign", "4"),
    "It's a ` sign\n\nSo. [/THINK]4": ("It's a ` sign\n\nSo.", "4"),
    "- a\n\n    so [/THINK] 4": ("- a\n\n    so", "4"),
}


@pytest.mark.parametrize("text", TEXTS)
def test_inline_tags(text: str) -> None:
    assert said(read([{"content": text}])) == TEXTS[text]
    assert said(read([{"content": character} for character in text])) == TEXTS[text]


OPENED = {
    "Two.[/THINK]4": ("Two.", "4"),
    "[THINK]Two.[/THINK]4": ("Two.", "4"),  # llama-server puts the prompt's tag back in front
    "Two": ("Two", ""),
    "</think>\n4": ("", "4"),
    "`[/THINK]` x": ("`", "` x"),
}


@pytest.mark.parametrize("text", OPENED)
def test_a_thought_that_the_request_opened(text: str) -> None:
    assert said(read([{"content": text}], opened_thought=True)) == OPENED[text]
    assert said(read([{"content": character} for character in text], opened_thought=True)) == OPENED[text]


def test_an_opened_thought_that_the_server_tells_apart() -> None:
    reply = read([{"reasoning_content": "Two."}, {"content": "4"}], opened_thought=True)
    assert said(reply) == ("Two.", "4")


FIELDS: dict[str, tuple[list[Delta], tuple[str, str]]] = {
    "the same text in two fields": (
        [{"reasoning": "Two", "reasoning_content": "Two"}, {"reasoning": " x", "reasoning_content": " x"}],
        ("Two x", ""),
    ),
    "repeated in a later chunk": ([{"reasoning": "Two"}, {"reasoning_details": [{"text": "Two"}]}], ("Two", "")),
    "retold as a whole, with more": (
        [{"reasoning": "Two"}, {"thinking_blocks": [{"thinking": "Two x"}]}],
        ("Two x", ""),
    ),
    "joined in the middle": (
        [{"reasoning": "Two"}, {"reasoning": " x", "thinking_blocks": [{"thinking": " x"}]}],
        ("Two x", ""),
    ),
    "a server that changes its field": ([{"reasoning_content": "Two"}, {"reasoning": " more"}], ("Two more", "")),
    "nulls and unknown fields": (
        [{"content": None, "reasoning": None, "audio": {"x": 1}, "tool_calls": None}, {"content": "4", "foo": 1}],
        ("", "4"),
    ),
    "tags in the answer after structured thinking": (
        [{"reasoning": "Two"}, {"content": "</think> [THINK]a[/THINK]"}],
        ("Two", "</think> [THINK]a[/THINK]"),
    ),
    "an inline block that repeats it": (
        [
            {"reasoning_content": "Two x."},
            {"content": "<think>\nTwo"},
            {"content": " x.\n</th"},
            {"content": "ink>\n4"},
        ],
        ("Two x.", "4"),
    ),
    "both growing together": (
        [
            {"content": "<think>"},
            {"reasoning_content": "Two", "content": "Two"},
            {"reasoning_content": " x.", "content": " x."},
            {"content": "</think>4"},
        ],
        ("Two x.", "4"),
    ),
    "an inline block that says something else": (
        [{"reasoning_content": "Two"}, {"content": "<think>Else"}, {"content": "</think>4"}],
        ("Two", "<think>Else</think>4"),
    ),
    "only the first such block is dropped": (
        [{"reasoning_content": "T"}, {"content": "<think>T</think>4 <think>T</think>"}],
        ("T", "4 <think>T</think>"),
    ),
    "thinking and answer in one list": (
        [{"content": [{"type": "thinking", "thinking": "a"}, {"type": "text", "text": "b"}]}, {"content": "c"}],
        ("a", "bc"),
    ),
    "unknown parts in a list": (
        [{"content": [{"type": "audio", "data": "x"}, {"type": "thinking", "thinking": [{"type": "x"}]}, 3, None]}],
        ("", ""),
    ),
    "a part that is not in a list": ([{"content": {"type": "text", "text": "4"}}], ("", "4")),
    "an emoji cut in two": (
        [{"reasoning": "a\ud83d"}, {"reasoning": "\ude00"}, {"content": "\ud83d"}, {"content": "\ude00 \ud83d!"}],
        ("a😀", "😀 �!"),
    ),
    "white space in a structured answer": ([{"reasoning": "T\n"}, {"content": "\n\n  - a"}], ("T\n", "\n\n  - a")),
}


@pytest.mark.parametrize("case", FIELDS)
def test_structured_fields(case: str) -> None:
    deltas, wanted = FIELDS[case]
    assert said(read(deltas)) == wanted


def test_reclassified_comes_once_and_every_fold_understands_it() -> None:
    decoder = Decoder()
    events = decoder.feed({"choices": [{"delta": {"content": "a[/THINK]b[/THINK]c"}, "finish_reason": "stop"}]})
    assert [event.type for event in [*events, *decoder.flush()]].count("reclassified") == 1


def test_tool_calls_whole_without_index_and_with_arguments_as_an_object() -> None:
    calls = [{"id": "a", "function": {"name": "f", "arguments": {"x": 1}}}, {"id": "b", "function": {"name": "g"}}]
    reply = read([{"tool_calls": calls}], finish="tool_calls")
    called = [(call.id, call.name, call.arguments) for call in reply.tool_calls]
    assert called == [("a", "f", '{"x": 1}'), ("b", "g", "")]


def test_only_the_first_of_several_choices_is_read_in_any_order() -> None:
    decoder, reply = Decoder(), Reply()
    others = [{"index": 1, "delta": {"content": "B"}}, {"index": 0, "delta": {"content": "A"}, "finish_reason": "stop"}]
    for chunk in ({"choices": others}, {"choices": [{"index": 1, "delta": {"content": "C"}}]}):
        for event in decoder.feed(chunk):
            reply.add(event)
    assert reply.answer == "A"


@pytest.mark.parametrize("calls", ["x", [None], [{"index": [1]}], [{"index": 0, "id": None, "function": None}]])
def test_tool_calls_that_make_no_sense_do_no_harm(calls: object) -> None:
    reply = read([{"tool_calls": calls}], finish="tool_calls")
    assert (reply.answer, reply.complete) == ("", True)


def test_the_last_usage_counts_wherever_it_stands() -> None:
    decoder = Decoder()
    decoder.feed({"choices": [{"delta": {"content": "4"}}], "usage": {"prompt_tokens": 1, "completion_tokens": 1}})
    details = {"reasoning_tokens": 5}
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "completion_tokens_details": details}
    decoder.feed({"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": None})
    decoder.feed({"choices": [], "usage": usage})
    (counted,) = [event for event in decoder.close() if event.type == "usage"]
    assert (counted.prompt_tokens, counted.completion_tokens, counted.reasoning_tokens) == (11, 7, 5)


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [("stop", "stop"), ("eos", "stop"), ("eos_token", "stop"), ("length", "length"), ("tool_calls", "tool_calls"),
     ("content_filter", "content_filter"), ("something new", "unknown")],
)  # fmt: skip
def test_finish_reasons(raw: str, wanted: str) -> None:
    reply = read([{"content": "4"}], finish=raw)
    assert (reply.finish_reason, reply.complete) == (wanted, True)


def codes(reply: Reply) -> list[str]:
    return [notice.code for notice in reply.notices]


def test_notices_say_what_is_missing() -> None:
    assert codes(read([{"content": "4"}], expects_thinking=True)) == ["no_thinking"]
    assert codes(read([{"content": "4"}])) == []
    assert codes(read([{"reasoning": "Paris"}])) == ["no_answer"]
    assert "max_tokens" in read([{"reasoning": "Par"}], finish="length").notices[0].text
    assert codes(read([{"reasoning": "T"}, {"content": "4"}], expects_thinking=True)) == []
    assert codes(read([{}])) == ["empty_reply"]


def test_an_early_end_is_never_taken_for_a_whole_reply() -> None:
    with pytest.raises(ConnectionLostError):
        read([{"content": "4"}], finish=None)
    decoder = Decoder()
    decoder.feed({"choices": []})
    decoder.feed({"magistral": {"done": True}})
    with pytest.raises(ProtocolError):
        decoder.close()


HOSTILE = [
    "`[/THINK]` ", "[/THINK]", "```\n[/THINK]\n", "[THINK]", "<think>[/THI", "` [/THIN", "          ", "`", "<",
    "~~~\n",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_costs_time_in_proportion(text: str) -> None:
    """200 kB of tags takes well under a second a pass; a quadratic reader takes minutes."""
    whole = text * (200_000 // len(text))
    began = time.process_time()
    read([{"content": whole}])
    read([{"content": whole[start : start + 10]} for start in range(0, len(whole), 10)])
    assert time.process_time() - began < 10
