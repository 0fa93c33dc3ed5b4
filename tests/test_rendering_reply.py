"""A reply that stands still says everything a reader needs, as HTML and as text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magistral_nb.rendering.facts import duration
from magistral_nb.rendering.live import live_answer_html, live_thinking_html
from magistral_nb.rendering.reply import REPLY_MIME, reply_html, reply_text
from magistral_nb.replies import Reply
from tests.hostile import TEXTS as HOSTILE
from tests.hostile import unseen
from tests.html_reading import Reading, read

DEMONSTRATION = {"code": "demonstration", "text": "A demonstration model: often wrong."}
WARNING = {"code": "reasoning_replaced", "text": "Thinking may be off."}


def reply(**changes: Any) -> dict[str, Any]:
    """Return `Reply.to_dict()` of an ordinary reply, with changes."""
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "reasoning_tokens": None, "cost": None}
    ordinary = Reply(model="magistral-small", endpoint="mistral", finish_reason="stop", complete=True, seconds=2.1)
    facts = {"thinking": "Let me **think**.", "answer": "Yes: \\(7 \\cdot 13\\).", "thinking_seconds": 12.3}
    return ordinary.to_dict() | facts | {"usage": usage} | changes


def page(**changes: Any) -> Reading:
    reading = read(reply_html(reply(**changes)))
    assert reading.faults == []
    return reading


def test_the_parts_stand_in_order() -> None:
    reading = page(notices=[DEMONSTRATION, WARNING])
    order = ["A demonstration model", "Thought for 12 s", "Let me think", "Yes:", "⚠ Thinking may be off.", "mistral"]
    places = [reading.text.index(words) for words in order]
    assert places == sorted(places)
    assert reading.text.count("A demonstration model") == 1


def test_mathjax_sees_nothing_but_our_formulas() -> None:
    reading = page(answer="$5 and $6, \\(x\\)", thinking="$y$")
    outer = reading.elements[0].attributes["class"].split()
    assert {"magistral", "magistral-reply", "tex2jax_ignore", "mathjax_ignore"} <= set(outer)
    assert reading.formulas == ["\\(y\\)", "\\(x\\)"]


def test_thinking_is_folded_when_there_is_an_answer() -> None:
    (fold,) = page().all("details")
    assert "open" not in fold.attributes
    assert page().all("summary")[0].text == "Thought for 12 s"
    assert "Let me think" in fold.text
    assert "Yes" not in fold.text


def test_thinking_is_open_when_it_is_all_there_is() -> None:
    reading = page(answer="  \n", finish_reason="length")
    assert "open" in reading.all("details")[0].attributes
    assert "No answer: the reply ended while the model was still thinking." in reading.text


def test_an_empty_reply_says_so() -> None:
    words = "No answer: the model wrote nothing."
    assert words in page(answer="", thinking="").text
    assert words in reply_text(reply(answer="", thinking=""))


def test_no_thinking_no_fold() -> None:
    for reading in (page(thinking=""), page(thinking=" \n"), read(reply_html(reply(), show_thinking=False))):
        assert reading.all("details") == []
        assert "Thought" not in reading.text


@pytest.mark.parametrize(
    ("seconds", "heading"),
    [
        (None, "Thought"),
        (0.0, "Thought"),
        (0.04, "Thought"),
        (0.4, "Thought for 0.4 s"),
        (9.96, "Thought for 10 s"),
        (12.3, "Thought for 12 s"),
        (59.7, "Thought for 1 min"),
        (65.2, "Thought for 1 min 5 s"),
        (3725, "Thought for 1 h 2 min"),
    ],
)
def test_how_long_it_thought(seconds: float | None, heading: str) -> None:
    assert page(thinking_seconds=seconds).all("summary")[0].text == heading
    assert reply_text(reply(thinking_seconds=seconds)).startswith(f"{heading}:\n")


def test_tool_calls_are_listed_as_text() -> None:
    call = {"id": "1", "name": "get_weather", "arguments": '{"city": "<b>Paris</b>"}'}
    reading = page(answer="", tool_calls=[call, call], finish_reason="tool_calls")
    wish = 'asked for get_weather({"city": "<b>Paris</b>"})'
    assert [item.text for item in reading.all("li")] == [wish, wish]
    assert "No answer" not in reading.text
    assert wish in reply_text(reply(answer="", tool_calls=[call]))


def test_badges_come_first() -> None:
    reading = page(notices=[DEMONSTRATION], recorded="2026-11-20")
    assert [badge.text for badge in reading.all("div", "magistral-badge")] == [
        "A demonstration model: often wrong.",
        "Recorded on 2026-11-20: played back, no model was asked",
    ]
    assert reply_text(reply(recorded="2026-11-20")).startswith("[Recorded on 2026-11-20")


@pytest.mark.parametrize(
    ("usage", "seconds", "words"),
    [
        ((11, 7, None), 2.1, "magistral-small · mistral · 11 + 7 tokens · 3.3 tokens/s · 2.1 s"),
        ((1234, 5678, 0.0012), 65.0, "1,234 + 5,678 tokens · 87 tokens/s · $0.0012 · 1 min 5 s"),
        ((1, 1, 0.0), 0.0, "mistral · 1 + 1 tokens · $0"),
        ((1, 2, 12.3456), 1.0, "$12.35 · 1.0 s"),
        ((1, 2, 0.0000123), 1.0, "$0.000012"),
        (None, 2.1, "magistral-small · mistral · 2.1 s"),
    ],
)
def test_the_footer_counts(usage: Any, seconds: float, words: str) -> None:
    counted = usage and dict(zip(("prompt_tokens", "completion_tokens", "cost"), usage, strict=True))
    assert words in page(usage=counted, seconds=seconds).text
    assert words in reply_text(reply(usage=counted, seconds=seconds)).splitlines()[-1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"finish_reason": "length"}, "cut off at 7 tokens: raise max_tokens"),
        ({"finish_reason": "length", "usage": None}, "cut off: raise max_tokens"),
        ({"finish_reason": "interrupted", "complete": False}, "stopped by you"),
        ({"finish_reason": "content_filter"}, "stopped by the server's content filter"),
        ({"finish_reason": "budget", "complete": False}, "stopped by your budget"),
        ({"finish_reason": "unknown", "complete": False}, "the reply did not end in order"),
    ],
)
def test_an_unusual_end_is_said(changes: dict[str, Any], words: str) -> None:
    assert [end.text for end in page(thinking="", **changes).all("strong")] == [words]
    assert f"— {words} · magistral-small" in reply_text(reply(**changes))


@pytest.mark.parametrize("reason", ["stop", "tool_calls", "unknown"])
def test_a_usual_end_is_not_mentioned(reason: str) -> None:
    assert page(thinking="", finish_reason=reason).all("strong") == []
    assert "— magistral-small" in reply_text(reply(finish_reason=reason))


def test_text_for_a_terminal() -> None:
    assert reply_text(reply(thinking="one\n\ntwo", notices=[WARNING])) == (
        "Thought for 12 s:\n"
        "│ one\n"
        "│\n"
        "│ two\n"
        "\n"
        "Yes: \\(7 \\cdot 13\\).\n"
        "\n"
        "⚠ Thinking may be off.\n"
        "\n"
        "— magistral-small · mistral · 11 + 7 tokens · 3.3 tokens/s · 2.1 s"
    )
    assert reply_text(reply(), show_thinking=False).startswith("Yes:")


@pytest.mark.parametrize("case", HOSTILE, ids=[case["id"] for case in HOSTILE])
def test_hostile_text_in_any_place(case: dict[str, str]) -> None:
    text = case["text"]
    call = {"id": text, "name": text, "arguments": text}
    notices = [{"code": code, "text": text} for code in ("demonstration", text)]
    data = reply(
        thinking=text, answer=text, tool_calls=[call], notices=notices, model=text, endpoint=text, recorded=text
    )
    reading = read(reply_html(data))
    assert reading.faults == []
    for seen in (reading.text, reply_text(data)):
        assert unseen(seen) == []


def test_only_styles_that_a_notebook_keeps() -> None:
    """JupyterLab drops style sheets, var() and data attributes from outputs that it does not trust."""
    html = reply_html(reply(notices=[DEMONSTRATION, WARNING], recorded="2026-11-20"))
    assert "<style" not in html
    assert "var(" not in html
    assert "data-" not in html


def test_a_reply_without_facts_can_be_shown() -> None:
    assert read(reply_html({})).faults == []
    assert "No answer" in reply_text({})
    assert REPLY_MIME == "application/vnd.magistral.reply.v1+json"


@settings(deadline=None)
@given(st.text(), st.text(), st.booleans())
def test_any_reply_is_clean(thinking: str, answer: str, show_thinking: bool) -> None:
    data = reply(thinking=thinking, answer=answer)
    assert read(reply_html(data, show_thinking=show_thinking)).faults == []
    reply_text(data, show_thinking=show_thinking).encode("utf-8")


def test_live_thinking_shows_its_end_as_written() -> None:
    reading = read(live_thinking_html("a" * 12_345 + "**end** <b>", 12.7, tail_characters=11))
    assert reading.faults == []
    assert reading.all("summary")[0].text == "Thinking… 12 s"
    assert "open" in reading.all("details")[0].attributes
    assert "… 12,345 characters above" in reading.text
    assert reading.text.strip().endswith("**end** <b>")
    assert "above" not in read(live_thinking_html("short", 0.2)).text
    assert read(live_thinking_html("short", 0.2)).all("summary")[0].text == "Thinking…"


def test_a_live_answer_is_formatted_until_it_is_long() -> None:
    assert read(live_answer_html("**so** far $x$")).formulas == ["\\(x\\)"]
    long = read(live_answer_html("**so** far" * 10, tail_characters=10))
    assert long.faults == []
    assert "… 90 characters above**so** far" in long.text


def test_a_running_clock_shows_whole_seconds() -> None:
    assert [duration(seconds, whole=True) for seconds in (0.9, 5.99, 65)] == ["0 s", "5 s", "1 min 5 s"]
