"""Tokens become text as they come: no half characters, nothing from a stop string on, and nothing lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from magistral_nb.transports.token_text import StopStrings, TokenText


def decode(ids: list[int]) -> str:
    """Read tokens that are single bytes, as a tokenizer of bytes does."""
    return bytes(ids).decode("utf-8", "replace")


def stripped(ids: list[int]) -> str:
    """Read them as tokenizers do that drop the space in front of the first word."""
    return decode(ids).removeprefix(" ")


def read(data: bytes) -> list[str]:
    text = TokenText(decode)
    return [*(text.feed(token) for token in data), text.flush()]


@given(st.text())
def test_characters_come_whole_whatever_their_bytes(said: str) -> None:
    pieces = read(said.encode("utf-8", "surrogatepass"))
    if "\ufffd" not in decode(list(said.encode("utf-8", "surrogatepass"))):
        assert all("\ufffd" not in piece for piece in pieces)
    assert "".join(pieces) == decode(list(said.encode("utf-8", "surrogatepass")))


@given(st.binary())
def test_bytes_that_are_no_text_are_marked_and_nothing_else_is_lost(data: bytes) -> None:
    assert "".join(read(data)) == decode(list(data))


def test_a_character_comes_with_its_last_byte() -> None:
    assert read("a😀b".encode()) == ["a", "", "", "", "😀", "b", ""]


def test_spaces_between_words_are_kept() -> None:
    text = TokenText(stripped)
    assert "".join(text.feed(token) for token in b"one two") == "one two"
    assert text.flush(behind=ord("!")) + text.feed(ord(" ")) + text.feed(ord("x")) == " x"


STOPS = ["ab", "abc!", "é–"]


@given(st.text(alphabet="abc!é–x"))
def test_a_stop_string_is_found_wherever_the_text_is_cut(said: str) -> None:
    places = [place for stop in STOPS if (place := said.find(stop)) >= 0]
    whole, cut = StopStrings(STOPS), StopStrings(STOPS)
    expected = said[: min(places, default=len(said))]
    assert whole.feed(said) + whole.flush() == expected
    assert "".join(map(cut.feed, said)) + cut.flush() == expected
    assert whole.found == cut.found == bool(places)


def test_without_stop_strings_nothing_is_held_back() -> None:
    stops = StopStrings(["", "END"])
    assert stops.feed("E") == ""
    assert stops.feed("x") == "Ex"
    assert StopStrings([]).feed("E") == "E"
