"""Reference conversations, made with mistral-common 1.13.1: what each becomes, and which are refused.

Where a vector has `ours`, mistral-common refuses and this package does not: the shape that 2506 was trained on, and the
list in which Mistral's own API gives a thought. A vector's `note` binds nothing.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from magistral_nb.chat_format import Prompt
from magistral_nb.errors import TemplateError
from tests.chat_oracles import control_ids, ids_of

REVISIONS = {"v11": ("2506",), "v13": ("2507", "2509")}
VECTORS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "chat_vectors.json").read_text("utf-8"))[
    "vectors"
]


def cases(*, rendered: bool) -> list[Any]:
    """Return the vectors that become a prompt, or those that are refused, each with every revision that it binds."""
    return [
        pytest.param(vector, revision, id=f"{vector['name']}-{revision}")
        for vector in VECTORS
        for revision in REVISIONS[vector["version"]]
        if (expected(vector) is not None) == rendered
    ]


def expected(vector: dict[str, Any]) -> str | None:
    text: str | None = vector.get("ours", vector["mistral_common"].get("text"))
    return text


def render(vector: dict[str, Any], revision: str) -> Prompt:
    return Prompt.render(
        vector["messages"],
        revision=revision,
        tools=vector["tools"],
        continue_final=vector["continue_final_message"],
    )


@pytest.mark.parametrize(("vector", "revision"), cases(rendered=True))
def test_the_text_is_the_reference(vector: dict[str, Any], revision: str) -> None:
    assert render(vector, revision).text == expected(vector)


@pytest.mark.parametrize(("vector", "revision"), cases(rendered=True))
def test_the_ids_are_the_reference(vector: dict[str, Any], revision: str) -> None:
    prompt, reference = render(vector, revision), vector["mistral_common"]
    ids = ids_of(prompt.parts, revision)
    if "tokens" in reference:
        assert ids == tuple(reference["tokens"])
        assert [text for kind, text in prompt.parts if kind == "control"] == [
            token for _, token in reference["control_tokens"]
        ]
    assert len(control_ids(ids)) == sum(kind == "control" for kind, _ in prompt.parts)


@pytest.mark.parametrize(("vector", "revision"), cases(rendered=False))
def test_what_mistral_common_refuses_is_refused(vector: dict[str, Any], revision: str) -> None:
    with pytest.raises(TemplateError) as refused:
        render(vector, revision)
    named = re.match(r"Message (\d+) \((\w+)\): (.+\.)$", refused.value.message)
    assert named, refused.value.message
    assert vector["messages"][int(named[1]) - 1]["role"] == named[2]


def test_the_vectors_are_all_there() -> None:
    assert len(VECTORS) == 74
    assert (len(cases(rendered=True)), len(cases(rendered=False))) == (109, 9)
