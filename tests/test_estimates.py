"""The estimate of a prompt without a tokenizer is rather too large for any text, and counts all that is sent."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from magistral_nb import Client, ToolCall, assistant, tool, user
from magistral_nb.tokens import estimated_tokens, local_counter
from tests.chat_conversations import PIXEL, WEATHER
from tests.fake_server import FakeServer
from tests.test_client import GOOD, sent

DRAW = random.Random(1)
KINDS = {
    "prose": "The quick brown fox jumps over the lazy dog, and nobody was surprised. " * 50,
    "german": "Die Straße führte über Brücken und durch Wälder, bis niemand mehr wusste, woher sie kam. " * 50,
    "code": "def fold(items: list[int]) -> int:\n    return sum(x * 2 for x in items if x % 3 == 0)\n" * 50,
    "digits": " ".join(str(DRAW.randrange(10**9)) for _ in range(400)),
    "table": "\n".join(f"{n},{DRAW.random():.6f},{DRAW.randrange(9999)}" for n in range(300)),
    "hex": DRAW.randbytes(1500).hex(),
    "json": json.dumps([{"id": n, "name": f"item {n}", "ok": n % 2 == 0, "at": [n, n / 7]} for n in range(150)]),
    "latex": r"\frac{\partial^2 u}{\partial x^2} = \sum_{i=0}^{n} \alpha_i \beta^{i} \quad \forall x \in \mathbb{R}"
    * 40,
    "emoji": "😀🎉🧪🐊🚀" * 200,
    "symbols": "{}[]()<>=!&|^%$#@~`;:?" * 100,
    "chinese": "天空为什么是蓝色的？因为阳光被大气散射。" * 60,
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_estimate_is_on_the_safe_side(kind: str) -> None:
    counted = local_counter(None).count(KINDS[kind])
    assert 0.8 < estimated_tokens(KINDS[kind]) / counted < 2.6


def room(server: FakeServer, asked: Any, **settings: Any) -> int:
    client = Client("navigator", base_url=server.base_url, api_key="k", system=None)
    client.chat(asked, **settings)
    return int(sent(server)["max_tokens"])


def test_functions_calls_and_pictures_count_too(server: FakeServer) -> None:
    server.play(GOOD)
    plain = room(server, "q")
    assert plain > 39_900
    assert room(server, "q", tools=[WEATHER] * 200) < plain - 8_000
    call = ToolCall("abcdefghi", "f", json.dumps({"text": "word " * 5_000}))
    asked = [user("q"), assistant("", tool_calls=[call]), tool("r", tool_call_id="abcdefghi")]
    assert room(server, asked) < plain - 5_000
    assert room(server, user("q", images=[PIXEL, "https://example.org/cat.png"])) < plain - 3_000
