"""A prompt under glass: what is a token is framed, what is text is not, and no text can change that."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magistral_nb.rendering.prompt import MOST_CHARACTERS, MOST_PARTS, prompt_html, prompt_text
from tests.hostile import TEXTS as HOSTILE
from tests.html_reading import Reading, read

Json = dict[str, Any]


def part(kind: str, text: str, role: str, tokens: int) -> Json:
    return {"kind": kind, "text": text, "role": role, "tokens": tokens}


PARTS = [
    part("control", "<s>", "", 1),
    part("control", "[INST]", "user", 1),
    part("text", "Is [INST] a token?", "user", 6),
    part("control", "[/INST]", "user", 1),
    part("control", "[THINK]", "assistant", 1),
    part("text", "Hm.\n\nNo.", "assistant", 3),
]


def prompt(**changes: Any) -> Json:
    """Return `Prompt.to_dict()` of an ordinary prompt, with changes."""
    tokens = {"total": 1234, "exact": False}
    ordinary = {"parts": PARTS, "tokens": tokens, "context": None, "template": "2507", "system": "none", "dropped": []}
    return ordinary | changes


def page(**changes: Any) -> Reading:
    reading = read(prompt_html(prompt(**changes)))
    assert reading.faults == []
    return reading


def framed(reading: Reading) -> list[str]:
    return [one.text for one in reading.all("span", "magistral-control")]


def said(reading: Reading) -> list[str]:
    return [one.text for one in reading.all("span", "magistral-text")]


def test_control_tokens_are_framed_and_text_is_not() -> None:
    reading = page()
    assert framed(reading) == ["<s>", "[INST]", "[/INST]", "[THINK]"]
    assert said(reading) == ["Is [INST] a token?", "Hm.\n\nNo."]


def test_every_role_has_a_box_with_its_name_its_tokens_and_a_colour_of_its_own() -> None:
    boxes = [one for one in page().elements if "border-left" in one.attributes.get("style", "")]
    labels = [box.text.split("<s>")[0].split("[")[0] for box in boxes]
    assert labels == ["beginning · 1 token", "user · about 8 tokens", "assistant · about 4 tokens"]
    assert len({box.attributes["style"] for box in boxes}) == 3


@pytest.mark.parametrize(
    ("tokens", "context", "words"),
    [
        ({"total": 1234, "exact": False}, None, "Prompt of about 1,234 tokens"),
        ({"total": 1234, "exact": True}, None, "Prompt of 1,234 tokens"),
        ({"total": 1, "exact": True}, 4, "Prompt of 1 token, 25.0% of the 4 that the model can hold"),
        ({"total": 1234, "exact": False}, 40960, "Prompt of about 1,234 tokens, 3.0% of the 40,960 that the model can"),
    ],
)
def test_the_headline_counts(tokens: Json, context: int | None, words: str) -> None:
    assert words in page(tokens=tokens, context=context).text
    assert prompt_text(prompt(tokens=tokens, context=context)).startswith(words)


def test_each_text_has_its_tokens_and_says_whether_they_are_certain() -> None:
    assert [one.text for one in page().all("small")] == ["≈6", "≈3"]
    assert [one.text for one in page(tokens={"total": 13, "exact": True}).all("small")] == ["6", "3"]
    picture = [part("control", "[IMG]", "user", 3079), part("control", "[IMG_END]", "user", 1)]
    assert [one.text for one in page(parts=picture).all("small")] == ["≈3,079"]
    assert "● [IMG] (about 3,079 tokens)\n● [IMG_END]" in prompt_text(prompt(parts=picture))


def test_it_says_which_format_and_system_prompt_and_why() -> None:
    changes = {"system": "the default prompt of 2507", "why": "2507, because the model id names it."}
    for shown in (page(**changes).text, prompt_text(prompt(**changes))):
        assert "Format: 2507 · System prompt: the default prompt of 2507" in shown
        assert "2507, because the model id names it." in shown
    assert "⚠ 2507 reads no pictures" in page(notices=["2507 reads no pictures"]).text
    assert "⚠ 2507 reads no pictures" in prompt_text(prompt(notices=["2507 reads no pictures"]))


def test_what_was_dropped_of_the_thinking_is_counted_and_can_be_unfolded() -> None:
    dropped = [{"message": 2, "text": "first thought", "tokens": 5}, {"message": 4, "text": "second", "tokens": 2}]
    reading = page(dropped=dropped)
    assert "Left out: the thinking of 2 earlier replies, about 7 tokens" in reading.text
    folds = reading.all("details")
    assert [fold.text.split("\n")[0] for fold in folds] == [
        "Left out: the thinking of message 2, about 5 tokens",
        "Left out: the thinking of message 4, about 2 tokens",
    ]
    assert ["open" in fold.attributes for fold in folds] == [False, False]
    assert "first thought" in folds[0].text
    assert "│ first thought" in prompt_text(prompt(dropped=dropped))
    assert "Left out" not in page().text + prompt_text(prompt())


def test_in_a_terminal_no_text_looks_like_a_token() -> None:
    text = "a\n● [/INST]\r\n● </s>\x0b● [INST]\u2028● <s>\x85● x"
    lines = prompt_text(prompt(parts=[*PARTS[:2], part("text", text, "user", 9), PARTS[3]])).splitlines()
    assert [line for line in lines if line.startswith("●")] == ["● <s>", "● [INST]", "● [/INST]"]
    assert "│ ● [/INST]" in lines


def test_what_cannot_be_seen_becomes_visible() -> None:
    hidden = [part("text", "a\u202eb\x1b[2J", "user", 3), part("text", "\n ", "user", 1)]
    assert said(page(parts=hidden)) == ["a⟨U+202E⟩b⟨U+001B⟩[2J", "↵␣"]
    assert "\x1b" not in prompt_text(prompt(parts=hidden))


def test_a_long_text_and_a_long_prompt_are_shown_without_their_middle() -> None:
    long = [part("text", "a" + "x" * 2 * MOST_CHARACTERS + "z", "user", 9)]
    for shown in (page(parts=long).text, prompt_text(prompt(parts=long))):
        assert "20,002 characters are not shown" in shown
        assert len(shown) < 1.1 * MOST_CHARACTERS
    many = [part("text", f"part {number}", ("user", "assistant")[number % 2], 2) for number in range(MOST_PARTS + 10)]
    shown = page(parts=many).text
    assert "… 10 parts are not shown …" in shown
    assert "part 0≈2" in shown
    assert "part 1009≈2" in shown
    assert "part 504≈2" not in shown


@pytest.mark.parametrize("case", HOSTILE, ids=lambda case: case["id"])
def test_hostile_text_is_only_text(case: Json) -> None:
    hostile = case["text"]
    everywhere = {
        "parts": [part("text", hostile, "user", 1), part("control", hostile, hostile, 1)],
        "template": hostile,
        "system": hostile,
        "why": hostile,
        "notices": [hostile],
        "dropped": [{"message": hostile, "text": hostile, "tokens": 1}],
    }
    reading = page(**everywhere)
    assert {element.tag for element in reading.elements} <= {"div", "span", "strong", "small", "details", "summary"}
    assert "\x1b" not in prompt_text(prompt(**everywhere))


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["control", "text"]), st.text(max_size=20))))
def test_any_text_is_safe_and_nothing_is_framed_that_is_no_token(pairs: list[tuple[str, str]]) -> None:
    reading = page(parts=[part(kind, text, "user", 1) for kind, text in pairs])
    assert len(framed(reading)) == sum(kind == "control" for kind, _ in pairs)
    shown = prompt_text(prompt(parts=[part(kind, text.replace("\n", ""), "user", 1) for kind, text in pairs]))
    assert sum(line.startswith("● ") for line in shown.split("\n")) == len(framed(reading))
