"""Model Markdown becomes HTML that shows what was written, typesets formulas, and obeys nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magistral_nb.rendering import markdown
from magistral_nb.rendering.markdown import markdown_html
from tests.hostile import TEXTS as HOSTILE
from tests.html_reading import Reading, read

DATA = Path(__file__).parent / "data"
CASES = json.loads((DATA / "markdown_cases.json").read_text("utf-8"))
MARKS = "[]()!<>`*_~$\\&|#-=>.:;\"' \n\tab1/x{}^\u202e\u200b\x1b\U000e0041é𝒳"


def shown(text: str) -> Reading:
    """Read the HTML of a text, and insist that it is clean."""
    reading = read(markdown_html(text))
    assert reading.faults == []
    return reading


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_formulas_and_prices(case: dict[str, Any]) -> None:
    reading = shown(case["text"])
    assert reading.formulas == case["formulas"]
    for words in case["says"]:
        assert words in reading.text


@pytest.mark.parametrize("text", ["[words]()", "[words](<>)", "[](), [ ]()"])
def test_a_link_to_nowhere_is_no_link(text: str) -> None:
    reading = shown(text)
    assert reading.all("a") == []
    assert ("words" in reading.text) == ("words" in text)


@pytest.mark.parametrize("case", HOSTILE, ids=[case["id"] for case in HOSTILE])
def test_hostile_text_is_shown_and_not_obeyed(case: dict[str, str]) -> None:
    for end in (len(case["text"]), len(case["text"]) // 2):  # half of it is what a stream shows on its way
        reading = shown(case["text"][:end])
        reading.text.encode("utf-8")
        assert not any(character in reading.text for character in "\x1b\x07\x00\U000e0073")


def test_html_is_text() -> None:
    assert "<img src=x onerror=1>" in shown("a <img src=x onerror=1> b").text
    assert "<script>1</script>" in shown("<script>1</script>").text


def test_an_image_becomes_a_link_that_names_its_host() -> None:
    reading = shown("![chart](https://collect.invalid/p.png?d=1)")
    (link,) = reading.all("a")
    assert link.text == "[image: chart — collect.invalid]"
    assert link.attributes["href"] == "https://collect.invalid/p.png?d=1"
    assert "[image: no description — a.invalid]" in shown("![][l]\n\n[l]: https://a.invalid/x").text


@pytest.mark.parametrize("url", ["//a.invalid/x.gif", "data:image/png;base64,AA", "x.png", "file:///etc/passwd"])
def test_an_image_from_elsewhere_is_text(url: str) -> None:
    reading = shown(f"![a]({url})")
    assert reading.all("a") == []
    assert url in reading.text


def test_an_image_in_a_link_leads_where_the_link_leads() -> None:
    reading = shown("[![logo](https://a.invalid/l.png)](https://b.invalid/)")
    assert [link.attributes["href"] for link in reading.all("a")] == ["https://b.invalid/"]
    assert "[image: logo — a.invalid] (b.invalid)" in reading.text


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\tscript:alert(1)",
        "&#106;avascript:alert(1)",
        "vbscript:x",
        "data:text/html,x",
        "file:///etc/passwd",
        "//evil.invalid",
        "/\\evil.invalid",
        "relative/path",
        "#anchor",
        "https:evil.invalid",
        "https:/evil.invalid",
        "https://bank.example@evil.invalid/",
        "https://bank.example%5C@evil.invalid/",
        "mailto:nobody",
        "blob:https://a.invalid/x",
    ],
)
def test_other_links_are_text(url: str) -> None:
    assert shown(f"[click]({url})").all("a") == []
    assert shown(f"[click][l]\n\n[l]: {url}").all("a") == []


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("[the proof](https://a.invalid/x)", "the proof (a.invalid)"),
        ("[https://help.example](https://a.invalid/)", "https://help.example (a.invalid)"),
        ("[a.invalid](https://a.invalid/)", "a.invalid"),
        ("[a.invalid](https://a.invalid.evil.invalid/)", "a.invalid (a.invalid.evil.invalid)"),
        ("[a.invalid/x](https://a.invalid/x)", "a.invalid/x"),
        ("<https://a.invalid:8080/x>", "https://a.invalid:8080/x"),
        ("[x](http://a.invalid:8080/x)", "x (a.invalid:8080)"),
        ("[](https://a.invalid/)", " (a.invalid)"),
        ("<https://аpple.com/>", "https://аpple.com/ (xn--pple-43d.com)"),
        ("[write](mailto:me@a.invalid?body=x)", "write (me@a.invalid)"),
        ("[*a*.invalid](https://a.invalid)", "a.invalid"),
    ],
)
def test_a_link_shows_where_it_leads(text: str, seen: str) -> None:
    reading = shown(text)
    (link,) = reading.all("a")
    assert reading.text == f"{seen}\n"
    assert link.attributes["rel"] == "noopener noreferrer nofollow"
    assert link.attributes["target"] == "_blank"


def test_code_is_kept_and_its_language_named() -> None:
    (code,) = shown('```c++" onload=1\n<b> & $x$\n```').all("code")
    assert code.text == "<b> & $x$\n"
    assert code.attributes["class"] == "language-c++"
    assert shown("```mermaid\ngraph TD\n```").all("code")[0].text == "graph TD\n"


def test_tables_keep_their_alignment() -> None:
    cells = shown("|a|b|c|\n|-|:-:|-:|\n|1|2|3|").all("td")
    sides = [cell.attributes["style"].rpartition("text-align:")[2] for cell in cells]
    assert sides == ["left", "center", "right"]


def test_each_block_finds_its_own_direction_and_code_is_left_to_right() -> None:
    reading = shown("# a\n\nb `c` $d$\n\n> e\n\n- f\n\n|g|\n|-|\n|h|\n\n```\ni\n```")
    directions = {element.tag: element.attributes.get("dir") for element in reading.elements}
    assert {directions[tag] for tag in ("h1", "p", "blockquote", "li", "th", "td")} == {"auto"}
    assert {directions[tag] for tag in ("code", "pre", "span")} == {"ltr"}


def test_lists_keep_their_numbers() -> None:
    assert [one.attributes.get("start") for one in shown("7. a\n8. b").all("ol")] == ["7"]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("abc\u202edef", "abc⟨U+202E⟩def"),
        ("a&#x202e;b", "a⟨U+202E⟩b"),
        ("`a\x1b[2J`", "a⟨U+001B⟩[2J"),
        ("a\u200bb", "a⟨U+200B⟩b"),
        ("👩\u200d🔬 می\u200cخواهم", "👩\u200d🔬 می\u200cخواهم"),
    ],
)
def test_what_cannot_be_seen_is_named(text: str, seen: str) -> None:
    assert shown(text).text.strip() == seen


@pytest.mark.parametrize(
    "text",
    [
        ">" * 10_000,
        "[" * 10_000,
        "*" * 10_000,
        "![" * 10_000,
        "[a](" * 10_000,
        "- " * 10_000 + "a",
        "\\(" * 10_000,
        "\\[\n" * 10_000,
        "$a " * 10_000,
        "*a_ " * 10_000,
        "`" * 10_000 + "|",
        "".join("`" * length + " " for length in range(300)),
        "|a" * 100 + "|\n" + "|-" * 100 + "|\n" + "|a\n" * 600,
        ("|a" * 100 + "|\n" + "|-" * 100 + "|\n" + "|a\n" * 600 + "\n") * 30,
        "[" * 1_000_000,
        "a\n\n" * 300_000,
        "words and $5 " * 80_000,
        "![a" * 7_000 + "](https://a.invalid)" * 20,
        "[a" * 6_900 + "]",
        ("![" * 35 + "](https://a.invalid)" * 35) * 100,
        "<http://a.b>" * 14_000,
        "- a\n" * 14_000,
        "* * * * * * * a\n" * 4_000,
        "a|b\n-|-\n" * 5_000,
        "|a" * 256 + "|\n" + "|-" * 256 + "|\n" + "|a\n" * 250,
        "[a]: https://a.invalid\n" * 7_000,
        "&amp;" * 29_000,
        "\\begin{align}\n$$\n\\[\n" * 3_000,
        "$x$ " * 7_000,
        "$" + "{" * 2_400 + "}" * 2_400 + "$",
    ],
    ids=lambda text: f"{text[:8]!r}",
)
def test_bad_text_costs_little(text: str) -> None:
    """Measured alone: 0.6 s at most, each near the limit of what is formatted. A quadratic cost would be minutes."""
    markdown_html("warm up")
    began = time.process_time()
    html = markdown_html(text)
    assert time.process_time() - began < 2
    assert len(html) < 6 * len(text) + 200_000


def test_deep_nesting_loses_no_text() -> None:
    for text in ("> " * 60 + "deep", "".join("  " * level + "- a\n" for level in range(40)) + "deep"):
        assert "deep" in shown(text).text


def test_a_longer_text_is_shown_unformatted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markdown, "LONGEST_TEXT", 10)
    reading = shown("**bold** <b> text")
    assert reading.text == "**bold** <b> text\n"
    assert [element.tag for element in reading.elements] == ["pre"]


def test_markdown_it_is_loaded_on_first_use_only() -> None:
    code = "import sys, magistral_nb.rendering.reply, magistral_nb.rendering.live; print('markdown_it' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@settings(deadline=None)
@given(st.text())
def test_any_text_becomes_clean_html(text: str) -> None:
    shown(text).text.encode("utf-8")


@settings(deadline=None)
@given(st.text(alphabet=MARKS, max_size=300))
def test_any_pile_of_marks_becomes_clean_html(text: str) -> None:
    shown(text)


@settings(deadline=None)
@given(st.lists(st.text(alphabet="abcdefghijklmnop éèß漢字אב,;?", min_size=1), max_size=6))
def test_prose_without_markup_is_preserved(lines: list[str]) -> None:
    assert shown("\n".join(lines)).text.split() == " ".join(lines).split()
