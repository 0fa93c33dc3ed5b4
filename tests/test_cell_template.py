"""`--jinja`: plain data is filled in; keys, live objects, endless loops and huge texts are not."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from magistral_nb import Client, Reply
from magistral_nb.errors import TemplateError
from magistral_nb.events import AnswerDelta, ThinkingDelta
from magistral_nb.notebook import cell_template
from magistral_nb.notebook.cell_template import render_cell
from magistral_nb.notebook.plain_values import told
from magistral_nb.scrubbing import register
from magistral_nb.settings import Secret
from magistral_nb.transports.template_renderer import _fill_in
from tests.hostile import BY_ID

KEY = "sk-TESTSECRET-0123456789abcdef"


def filled(source: str, **names: Any) -> str:
    """Fill in a template in this process: the same functions, with no limits of time and memory."""
    values = {name: told(value) for name, value in names.items()}
    result = _fill_in({"template": source, "values": values, "path": [], "limits": cell_template.LIMITS})
    return str(result.get("text", result.get("error")))


def reply() -> Reply:
    made = Reply()
    for event in (ThinkingDelta("Two and two.", 0.1), AnswerDelta("4", 0.2)):
        made.add(event)
    return made


@pytest.mark.parametrize(
    ("source", "value", "text"),
    [
        ("{{ x }}\n", "text \ud800 é\x00", "text \ud800 é\x00\n"),
        ("{{ x[1].a[0] + 1 }}", [0, {"a": (1,)}], "2"),
        ("{{ x[3] }} {{ x.b }}", {3: "three", "b": None}, "three None"),
        ("{{ 2 in x }} {{ x | length }}", {1, 2}, "True 2"),
        ("{% for one in x %}<{{ one }}>{% endfor %}", [1.5, True], "<1.5><True>"),
        ("{{ x }}", Decimal("1.10"), "1.10"),
        ("{{ x }}", Path("/data/x.csv"), "/data/x.csv"),
        ("{{ x }} {{ x.thinking }}", reply(), "4 Two and two."),
        ("{{ x }}", "{{ 1 + 1 }}", "{{ 1 + 1 }}"),
    ],
)
def test_plain_data_is_filled_in(source: str, value: object, text: str) -> None:
    assert filled(source, x=value) == text


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ x }}", Secret(KEY)),
        ("{{ x._value }}", Secret(KEY)),
        ("{{ x.reveal() }}", Secret(KEY)),
        ("{{ x.api_key }}", Client("demo")),
        ("{{ x }}", f"Bearer {KEY}"),
        ("{{ x.headers.authorization }}", {"headers": {"authorization": f"Bearer {KEY}"}}),
        ("{{ x.environ }}", __import__("os")),
        ("{{ x }}", __import__("os").environ),
        ("{{ x() }}", lambda: KEY),
        ("{{ x.__globals__ }}", test_plain_data_is_filled_in),
    ],
)
def test_no_key_and_no_live_object_comes_out(source: str, value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    register(KEY)
    text = filled(source, x=value)
    assert KEY not in text
    assert "'x' is " in text or "what stands in 'x' is " in text


def test_a_value_that_lies_in_itself_is_refused() -> None:
    circle: list[Any] = []
    circle.append(circle)
    assert "nested more than 20 deep" in filled(f"{{{{ x{'[0]' * 21} + 1 }}}}", x=circle)


@pytest.mark.parametrize("name", ["H37", "H38", "H48"])
def test_hostile_templates_reach_nothing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even one that the user renders; as the text of a prompt it is not rendered at all (`test_hostile.py`)."""
    monkeypatch.chdir(tmp_path)
    names = {"client": Client("demo"), "messages": [KEY], "api_key": Secret(KEY)}
    text = filled(BY_ID[name]["text"], **names)
    assert KEY not in text
    assert text == BY_ID[name]["text"] if name == "H48" else "unsafe" in text or "'client' is of type Client" in text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("source", "words", "patience"),
    [
        (BY_ID["H39"]["text"], "it takes too", 0.5),
        ("{{ 'a' * 10**9 }}", "it takes too much memory", 10),
        ("{% for i in range(99999) %}{{ 'a' * 99 }}{% endfor %}", "it writes without end", 10),
    ],
)
def test_limits_of_time_memory_and_length(
    source: str, words: str, patience: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cell_template, "PATIENCE", patience)
    began = time.monotonic()
    with pytest.raises(TemplateError, match=words) as caught:
        render_cell(source, {})
    assert time.monotonic() - began < 5
    assert "512 MiB" in caught.value.hint
    assert "3 seconds" in caught.value.hint


def test_names_are_found_without_working_anything_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jinja works constants out while it compiles: in this process it may only be read."""
    began = time.process_time()
    assert cell_template._mentioned("{{ 9 ** (9 ** 9) + name }}") == {"name"}
    assert time.process_time() - began < 1


def test_a_template_nested_too_deeply_is_refused() -> None:
    with pytest.raises(TemplateError, match="nested too deeply"):
        render_cell("{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}", {})
