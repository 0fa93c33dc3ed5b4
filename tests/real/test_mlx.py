"""A second real server, mlx_lm.server: thinking in its field `reasoning`, comments between events, usage at the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from magistral_nb import AnswerDelta, Client, NotFoundError, ThinkingDelta, assistant, user
from tests.asking import COLOURS
from tests.real.mlx_server import MODEL_FOLDER, mlx_server

pytestmark = pytest.mark.real

CONVERSATION = [
    user("What is 3 + 4?"),
    assistant("3 and 4 more is 7.\nThe answer is 7."),  # the model does likewise: a line of thought, then its answer
    user("What is 6 + 3?"),
]


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mlx_server(tmp_path_factory.mktemp("mlx")) as base_url:
        yield base_url


@pytest.mark.parametrize("colour", COLOURS)
def test_thinking_and_answer_come_apart(base_url: str, colour: str) -> None:
    client = Client(base_url=base_url, model=str(MODEL_FOLDER), system=None, temperature=0, max_tokens=60)
    reply, events = COLOURS[colour](client, CONVERSATION)
    assert reply.thinking.strip()
    assert reply.answer.strip()
    assert "think>" not in reply.thinking + reply.answer
    assert (reply.complete, reply.finish_reason) == (True, "stop")
    assert reply.usage
    assert reply.usage.prompt_tokens > reply.usage.completion_tokens > 5
    deltas = [event for event in events if isinstance(event, ThinkingDelta | AnswerDelta)]
    assert len(deltas) > 5  # it comes word by word


def test_the_model_is_listed_by_the_name_that_works(base_url: str) -> None:
    assert Client(base_url=base_url).models() == [str(MODEL_FOLDER)]


@pytest.mark.parametrize("colour", COLOURS)
def test_an_unknown_model_is_told_with_those_there_are(base_url: str, colour: str) -> None:
    client: Any = Client(base_url=base_url, model="magistral-large")
    with pytest.raises(NotFoundError) as caught:
        COLOURS[colour](client)
    assert "magistral-large" in caught.value.hint
    assert str(MODEL_FOLDER) in caught.value.hint
