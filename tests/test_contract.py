"""Python and the page agree: both are held to the files in `contract/`; the page by `js/tests/contract.test.ts`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests import contract_cases
from tests.contract_cases import FOLDER

HOW = "if this is wanted, run `python -m tests.contract_cases`, and then `npm test` in js/"
REPLIES = json.loads((FOLDER / "replies.json").read_text("utf-8"))


def stored(name: str) -> Any:
    return json.loads((FOLDER / name).read_text("utf-8"))


def test_markdown_has_the_structure_that_is_written_down() -> None:
    for name, cases in contract_cases.markdown_cases().items():
        assert cases == stored(f"markdown/{name}.json"), HOW


def test_hidden_characters_are_shown_as_written_down() -> None:
    assert contract_cases.text_cases() == stored("text.json"), HOW


def test_times_are_said_as_written_down() -> None:
    assert contract_cases.duration_cases() == stored("durations.json"), HOW


@pytest.mark.parametrize("case", REPLIES, ids=[case["name"] for case in REPLIES])
def test_events_make_the_reply_that_is_written_down(case: dict[str, Any]) -> None:
    reply = contract_cases.folded(case["events"])
    assert (reply, contract_cases.told(reply)) == (case["reply"], case["told"]), HOW


def test_structure_tells_what_a_reader_would_see_apart() -> None:
    assert contract_cases.structure('<p dir="auto"><em>Hi</em>\nthere</p>\n<hr>') == [
        ["p", ["em", "Hi"], "there"],
        ["hr"],
    ]
