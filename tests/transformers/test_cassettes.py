"""What PyTorch said is recorded like what a server says, and played where there is neither PyTorch nor the model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from magistral_nb.cassettes.reading import read_cassette
from tests.replaying import Turns, check_that_it_is_the_same, played, recorded
from tests.transformers.conftest import AskClient
from tests.transformers.tiny_models import ADD, LEARNED, PRIME

GREEDY: dict[str, Any] = {"temperature": 0, "max_tokens": 60}
TURNS: Turns = [(PRIME, GREEDY), (ADD, GREEDY)]


def test_a_conversation_is_played_without_the_engine_and_without_the_model(
    magistral_folder: Path, tmp_path: Path, ask: AskClient
) -> None:
    folder = tmp_path / "tiny-magistral"
    shutil.copytree(magistral_folder, folder)
    tape = tmp_path / "lesson.jsonl"
    live = recorded(ask(folder), TURNS, tape)
    assert live[0][1]["thinking"] == LEARNED[PRIME][1]
    shutil.rmtree(folder)
    first, second = read_cassette(tape)
    assert (first.model, second.model) == ("tiny-magistral", "tiny-magistral")
    assert LEARNED[PRIME][1] in json.dumps(second.request["messages"])  # the second turn held the thinking of the first
    assert str(tmp_path) not in tape.read_text("utf-8")
    blocked = ["torch", "transformers", "mistral_common"]
    told = played("transformers", str(folder), {"system": None}, TURNS, tape, blocked=blocked)
    check_that_it_is_the_same(told, live, model="tiny-magistral")
