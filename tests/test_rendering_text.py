"""Text for a terminal shows every character that would act or hide."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magistral_nb.rendering.text import plain
from tests.hostile import TEXTS as HOSTILE
from tests.hostile import unseen

KEPT = "plain words\n\ttab, é, 漢字, עברית\u200e, ein Wort\u00adende, می\u200cخواهم, 👩\u200d🔬, ❤\ufe0f, 1\ufe0f\u20e3"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("\x1b]52;c;cm0=\x07", "⟨U+001B⟩]52;c;cm0=⟨U+0007⟩"),
        ("\x1b[2J\x9b31m", "⟨U+001B⟩[2J⟨U+009B⟩31m"),
        ("good\rbad", "good⟨U+000D⟩bad"),
        ("line\r\nline", "line\nline"),
        ("a\x00\x08\x7f", "a⟨U+0000⟩⟨U+0008⟩⟨U+007F⟩"),
        ("user\u202eexe.txt", "user⟨U+202E⟩exe.txt"),
        ("\u2066a\u2069", "⟨U+2066⟩a⟨U+2069⟩"),
        ("hid\U000e0061\U000e007fden", "hid⟨U+E0061⟩⟨U+E007F⟩den"),
        ("zero\u200bwidth\u2060here\ufeff", "zero⟨U+200B⟩width⟨U+2060⟩here⟨U+FEFF⟩"),
        ("half \ud83d", "half ⟨U+D83D⟩"),
        ("a\u200cb\u200d1", "a⟨U+200C⟩b⟨U+200D⟩1"),
        ("bits \u200c\u200d\u200e", "bits \u200c⟨U+200D⟩⟨U+200E⟩"),
        ("\u3164 filled \u034f", "⟨U+3164⟩ filled ⟨U+034F⟩"),
        ("l\ufe01e\U000e0101t", "l⟨U+FE01⟩e⟨U+E0101⟩t"),
        ("\U000e0080\U0001d173", "⟨U+E0080⟩⟨U+1D173⟩"),
        ("bytes 😀\ufe01\U000e0142", "bytes 😀\ufe01⟨U+E0142⟩"),
    ],
)
def test_what_acts_or_hides_is_named(text: str, seen: str) -> None:
    assert plain(text) == seen


def test_what_languages_and_emoji_need_is_kept() -> None:
    assert plain(KEPT) == KEPT


def test_the_flag_of_scotland_is_kept_and_a_longer_secret_is_not() -> None:
    scotland = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
    assert plain(scotland) == scotland
    assert "U+E0067" in plain(scotland.replace("\U000e0063", "\U000e0063\U000e0063"))


@pytest.mark.parametrize("case", HOSTILE, ids=[case["id"] for case in HOSTILE])
def test_hostile_text_does_nothing_in_a_terminal(case: dict[str, str]) -> None:
    seen = plain(case["text"])
    assert unseen(seen) == []
    seen.encode("utf-8")


@settings(deadline=None)
@given(st.text(alphabet=st.characters(codec=None)))
def test_any_text_is_safe_to_print_and_needs_to_be_cleaned_once(text: str) -> None:
    seen = plain(text)
    seen.encode("utf-8")
    assert not set(seen) & set(map(chr, [*range(9), *range(11, 32), *range(127, 160)]))
    assert plain(seen) == seen


@settings(deadline=None)
@given(st.text(alphabet=st.characters(categories=("L", "N", "P", "Zs"))))
def test_visible_text_is_untouched(text: str) -> None:
    assert plain(text) == text
