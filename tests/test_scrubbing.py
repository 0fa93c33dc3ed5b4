"""Secrets that this process knows are taken out of texts and data."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magistral_nb import Reply, Secret, scrubbing
from magistral_nb.scrubbing import REDACTED, StreamedText, register, scrub, scrub_data, scrub_page


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrubbing, "_known", None)


def test_a_secret_registers_itself() -> None:
    Secret('sk-"12345678/x')
    for spelled in ('sk-"12345678/x', "sk-%2212345678%2Fx", json.dumps('sk-"12345678/x')):
        assert "12345678" not in scrub(f"the key is {spelled}.")
        assert "<redacted>" in scrub(spelled)


def test_data_is_scrubbed_in_names_and_values() -> None:
    Secret("sk-12345678")
    assert scrub_data({"sk-12345678": ["sk-12345678", ("a", 1, None)]}) == {
        "<redacted>": ["<redacted>", ["a", 1, None]]
    }


def test_the_longer_of_two_secrets_goes_first() -> None:
    Secret("sk-12345678")
    Secret("sk-1234567890")
    assert scrub("sk-1234567890 sk-12345678") == "<redacted> <redacted>"


def test_placeholders_are_no_secrets() -> None:
    Secret("EMPTY")
    assert scrub("EMPTY") == "EMPTY"


def in_pieces(text: str, size: int) -> str:
    streamed = StreamedText()
    pieces = [streamed.feed(text[start : start + size]) for start in range(0, len(text), size)]
    return "".join([*pieces, streamed.end()])


TEXTS = [
    "the key is sk-12345678.",
    "sk-12345678",
    "sk-sk-12345678sk-12345678 sk-1234567 sks",
    "longer: sk-12345678-and-more, and the first part of it: sk-12345678-and-mor!",
    "8zzzzzzzz after sk-12345678zzzzzzzz",
    "no key at all, sk-less",
]


@pytest.mark.parametrize("size", range(1, 14))
def test_a_text_in_pieces_is_scrubbed_like_the_whole(size: int) -> None:
    for key in ("sk-12345678", "sk-12345678-and-more", "8zzzzzzzz"):
        register(key)
    for text in TEXTS:
        assert in_pieces(text, size) == scrub(text)


@given(st.lists(st.text("ab", min_size=8, max_size=12), min_size=1, max_size=3), st.text("ab", max_size=60), st.data())
def test_no_secret_is_in_a_scrubbed_text_wherever_it_is_cut(secrets: list[str], text: str, data: st.DataObject) -> None:
    scrubbing._known = None
    for secret in secrets:
        register(secret)
    text += data.draw(st.sampled_from(secrets)) + data.draw(st.text("ab", max_size=20))
    shown = in_pieces(text, data.draw(st.integers(1, 9)))
    assert not any(secret in shown for secret in secrets)
    assert shown == scrub(text) or shown.endswith(REDACTED)


def test_the_beginning_of_a_secret_at_the_end_is_not_shown_either() -> None:
    register("sk-12345678-and-more")
    for length in range(1, 20):
        streamed = StreamedText()
        shown = streamed.feed("it is " + "sk-12345678-and-more"[:length]) + streamed.end()
        assert shown == "it is " + ("sk-12345678-and-more"[:length] if length < 6 else REDACTED)


def test_what_is_no_secret_is_held_back_for_one_piece_only() -> None:
    register("sk-12345678")
    streamed = StreamedText()
    assert [streamed.feed(piece) for piece in ("yes", " and sk", "-ip")] == ["ye", "s and ", "sk-ip"]


def test_on_a_page_the_mark_is_text_and_no_tag() -> None:
    Secret("sk-12345678")
    reply = Reply.from_dict({"answer": "sk-12\u200b345678 and `sk-1234`5678"})
    page = reply._repr_mimebundle_()["text/html"]
    assert "<redacted>" not in page
    assert scrub_page("<b>sk-12345678</b>") == "<b>&lt;redacted&gt;</b>"
