"""What a file of one's own said is recorded like what a server says, and played without the engine and the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from magistral_nb import Client
from magistral_nb.cassettes.reading import read_cassette
from magistral_nb.templating import template_text
from tests.real.gguf_copies import with_template
from tests.replaying import Turns, check_that_it_is_the_same, played, recorded

pytestmark = pytest.mark.real
SHORT: dict[str, Any] = {"temperature": 0, "max_tokens": 120}
TURNS: Turns = [("What do alligators eat?", SHORT), ("And where do they live?", SHORT)]


def test_a_conversation_is_played_without_the_engine_and_without_the_file(tmp_path: Path) -> None:
    file = with_template(tmp_path, template_text("demo.jinja"), file="mine.gguf")
    tape = tmp_path / "lesson.jsonl"
    with Client("gguf", model=str(file)) as client:
        live = recorded(client, TURNS, tape)
    assert live[0][1]["thinking"]
    file.unlink()
    first, second = read_cassette(tape)
    assert (first.model, second.model) == ("mine.gguf", "mine.gguf")
    assert live[0][1]["thinking"] in second.request["messages"][1]["reasoning_content"]
    assert str(tmp_path) not in tape.read_text("utf-8")
    told = played("gguf", str(file), {}, TURNS, tape, blocked=["xllamacpp"])
    check_that_it_is_the_same(told, live, model="mine.gguf")
