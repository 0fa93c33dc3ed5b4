"""Every recorded stream, over a real socket, cut three ways, in both colours: the right reading, no dialect named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from magistral_nb import Client, MagistralError, NotAnAPIError, Reply, ServerStreamError
from tests.asking import COLOURS
from tests.fake_server import FakeServer

FOLDER = Path(__file__).parent / "data" / "dialects"
SAMPLES = sorted(path.stem for path in FOLDER.glob("*.json"))
FINISH_WORDS = {"eos": "stop"}
ERRORS = {"error_html_200": NotAnAPIError, "error_event_name": ServerStreamError, "error_vllm": ServerStreamError}


def sample(name: str) -> tuple[bytes, dict[str, Any]]:
    return (FOLDER / f"{name}.sse").read_bytes(), json.loads((FOLDER / f"{name}.json").read_text())


def assert_read_right(reply: Reply | None, wanted: dict[str, Any]) -> None:
    said = (reply.thinking, reply.answer) if reply else ("", "")
    assert said == (wanted["thinking"], wanted["answer"])


def test_all_samples_are_here() -> None:
    assert len(SAMPLES) >= 32


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("slice_bytes", [1, 7, None], ids=["bytes", "sevens", "whole"])
@pytest.mark.parametrize("name", SAMPLES)
def test_sample(server: FakeServer, name: str, slice_bytes: int | None, colour: str) -> None:
    body, wanted = sample(name)
    server.play(body, slice=slice_bytes)
    client = Client(base_url=server.base_url, model="magistral-small", api_key="x", max_retries=0)
    if wanted["complete"]:
        reply, _ = COLOURS[colour](client)
        assert_read_right(reply, wanted)
        assert reply.complete
        assert reply.finish_reason == FINISH_WORDS.get(wanted["finish_reason"], wanted["finish_reason"])
        counted = reply.usage and (reply.usage.prompt_tokens, reply.usage.completion_tokens)
        assert counted == (wanted["usage"] and (11, 7))
    else:
        with pytest.raises(ERRORS.get(name, MagistralError)) as caught:
            COLOURS[colour](client)
        assert_read_right(caught.value.partial, wanted)
        assert (wanted["error"] or "") in caught.value.message


def test_tool_call_in_pieces_is_put_together(server: FakeServer) -> None:
    server.play(sample("vllm_tool_call")[0], slice=7)
    reply = Client(base_url=server.base_url, model="magistral-small").chat("Weather?")
    (call,) = reply.tool_calls
    assert (call.id, call.name, json.loads(call.arguments)) == ("abcdefghi", "get_weather", {"city": "Paris"})
    assert reply.notices == []


WHOLE_MESSAGES: dict[str, dict[str, Any]] = {
    "reasoning_content": {"reasoning_content": "Two and two.", "content": "4"},
    "reasoning": {"reasoning": "Two and two.", "content": "4"},
    "both": {"reasoning": "Two and two.", "reasoning_content": "Two and two.", "content": "4"},
    "content list": {
        "content": [
            {"type": "thinking", "thinking": [{"type": "text", "text": "Two and two."}]},
            {"type": "reference", "reference_ids": [1]},
            {"type": "text", "text": "4"},
        ]
    },
    "thinking as a string": {
        "content": [{"type": "thinking", "thinking": "Two and two."}, {"type": "text", "text": "4"}]
    },
    "thinking_blocks": {"thinking_blocks": [{"type": "thinking", "thinking": "Two and two."}], "content": "4"},
    "reasoning_details": {"reasoning_details": [{"type": "reasoning.text", "text": "Two and two."}], "content": "4"},
    "2506 tags": {"content": "<think>\nTwo and two.\n</think>\n4"},
    "2507 tags": {"content": "[THINK]Two and two.[/THINK]4"},
    "closing tag only": {"content": "Two and two.[/THINK]4"},
    "deepseek-legacy": {"reasoning_content": "Two and two.", "content": "<think>Two and two.</think>4"},
}


@pytest.mark.parametrize("spelling", WHOLE_MESSAGES)
def test_a_server_that_does_not_stream_is_read_the_same(server: FakeServer, spelling: str) -> None:
    choice = {"index": 0, "message": {"role": "assistant", **WHOLE_MESSAGES[spelling]}, "finish_reason": "stop"}
    server.play_json({"id": "c1", "object": "chat.completion", "choices": [choice]})
    reply = Client(base_url=server.base_url, model="magistral-small").chat("What is two and two?")
    assert (reply.thinking, reply.answer, reply.complete) == ("Two and two.", "4", True)
