"""Any thinking, any answer, any cut, any spelling: the same reply, and the same order of events."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from magistral_nb.dialects import Decoder
from magistral_nb.errors import MagistralError
from magistral_nb.events import Event
from magistral_nb.replies import Reply
from magistral_nb.transports.sse import EventReader

GRAMMAR = re.compile(r"(D|R|N)*T*U?N*E")
DELTAS = {"thinking.delta": "D", "answer.delta": "D"}
LETTERS = {**DELTAS, "reclassified": "R", "notice": "N", "tool_call": "T", "usage": "U"}

# Text that is not itself a tag: what tags in text mean has a table of its own in test_decoder.py.
WORDS = st.text(alphabet=st.characters(exclude_characters="<[`~", exclude_categories=["Cs"]), min_size=1, max_size=40)
TRIMMED = WORDS.map(str.strip).filter(bool)
Deltas = list[dict[str, Any]]


def _inline(opening: str, closing: str) -> Any:
    return lambda thinking, answer: [{"content": f"{opening}{thinking}{closing}{answer}"}]


SPELLINGS: dict[str, Any] = {
    "reasoning_content": lambda t, a: [{"reasoning_content": t}, {"content": a}],
    "reasoning": lambda t, a: [{"reasoning": t, "content": ""}, {"content": a}],
    "both": lambda t, a: [{"reasoning": t, "reasoning_content": t}, {"content": a, "reasoning": None}],
    "thinking_blocks": lambda t, a: [{"thinking_blocks": [{"type": "thinking", "thinking": t}]}, {"content": a}],
    "reasoning_details": lambda t, a: [{"reasoning_details": [{"type": "reasoning.text", "text": t}]}, {"content": a}],
    "chunks": lambda t, a: [
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": t}]}, {"type": "text", "text": a}]}
    ],
    "chunks and a field": lambda t, a: [
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": t}]}], "reasoning_content": t},
        {"content": a},
    ],
    "[THINK]": _inline("[THINK]", "[/THINK]"),
    "<think>": _inline("<think>\n", "\n</think>\n\n"),
    "closing only": _inline("", "[/THINK]"),
    "deepseek-legacy": lambda t, a: [{"reasoning_content": t, "content": f"<think>{t}</think>{a}"}],
}


def stream_of(deltas: Deltas) -> bytes:
    chunks: list[dict[str, Any]] = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    events = [json.dumps(chunk, ensure_ascii=False) for chunk in chunks] + ["[DONE]"]
    return "".join(f"data: {event}\n\n" for event in events).encode()


def cut_text(deltas: Deltas, places: list[int]) -> Deltas:
    """Cut every delta of plain text at these places, as a server that streams token by token does."""
    cut: Deltas = []
    for delta in deltas:
        text = delta.get("content")
        if len(delta) > 1 or not isinstance(text, str):
            cut.append(delta)
            continue
        bounds = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
        cut += [{"content": text[start:end]} for start, end in pairwise(bounds)]
    return cut


def read(body: bytes, places: list[int]) -> tuple[Reply, list[Event]]:
    bounds = sorted({0, len(body), *(place % (len(body) + 1) for place in places)})
    reader, decoder, reply, events = EventReader(), Decoder(), Reply(), []
    for start, end in pairwise(bounds):
        for chunk in reader.feed(body[start:end]):
            events += decoder.feed(chunk)
    for chunk in reader.close():
        events += decoder.feed(chunk)
    events += [*decoder.flush(), *decoder.close()]
    for event in events:
        reply.add(event)
    return reply, events


CUTS = st.lists(st.integers(min_value=0, max_value=4000), max_size=30)


@given(st.sampled_from(sorted(SPELLINGS)), TRIMMED, TRIMMED, CUTS, CUTS)
def test_the_same_reply(spelling: str, thinking: str, answer: str, text_cuts: list[int], byte_cuts: list[int]) -> None:
    deltas = cut_text(SPELLINGS[spelling](thinking, answer), text_cuts)
    reply, events = read(stream_of(deltas), byte_cuts)
    assert (reply.thinking, reply.answer) == (thinking, answer)
    assert GRAMMAR.fullmatch("".join(LETTERS.get(event.type, "E") for event in events))


MARKUP = [
    "[THINK]", "[/THINK]", "<think>", "</think>", "`", "``", "```", "~~~", "\n", "\n\n", " ", "    ", "a", "é", "- ",
    "[", "</",
]  # fmt: skip
ANY_TEXT = st.lists(st.sampled_from(MARKUP), max_size=14).map("".join)


@given(ANY_TEXT, CUTS)
def test_any_text_is_read_the_same_however_it_is_cut(text: str, cuts: list[int]) -> None:
    whole, _ = read(stream_of([{"content": text}]), [])
    pieces, _ = read(stream_of(cut_text([{"content": text}], cuts)), [])
    assert (pieces.thinking, pieces.answer) == (whole.thinking, whole.answer)


@given(ANY_TEXT)
def test_no_character_is_lost_but_tags_and_the_space_beside_them(text: str) -> None:
    reply, _ = read(stream_of([{"content": text}]), [])
    kept = re.sub(r"\s+", "", reply.thinking + reply.answer)
    assert _is_text_without_tags(kept, re.sub(r"\s+", "", text))


def _is_text_without_tags(kept: str, text: str) -> bool:
    """Say whether `kept` is `text` with some whole tags taken out."""
    if not text:
        return not kept
    tags = ("[THINK]", "[/THINK]", "<think>", "</think>")
    if kept and kept[0] == text[0] and _is_text_without_tags(kept[1:], text[1:]):
        return True
    return any(text.startswith(tag) and _is_text_without_tags(kept, text[len(tag) :]) for tag in tags)


@given(st.binary(max_size=300))
def test_any_bytes_end_in_a_reply_or_in_an_error_of_ours(body: bytes) -> None:
    reader = EventReader()
    for start in range(0, len(body), 7):
        reader.feed(body[start : start + 7])
        if reader.done or reader.failure:
            break
    reader.close()
    assert reader.failure is None or isinstance(reader.failure, MagistralError)
