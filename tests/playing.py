"""A transport in memory that plays chunks and writes requests down: for tests of what stands above the wire."""

from __future__ import annotations

import copy
from collections.abc import AsyncGenerator, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

from magistral_nb import Client, Endpoint
from magistral_nb.transports import Chunk, Request

Script = Sequence[Chunk | Exception]


def said(
    thinking: str = "", answer: str = "", finish: str | None = "stop", usage: tuple[int, int] | None = None
) -> list[Chunk]:
    """Return the chunks of a reply; without a finish reason it breaks off."""
    deltas = [{"reasoning": thinking}] * bool(thinking) + [{"content": answer}] * bool(answer)
    chunks: list[Chunk] = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    if finish:
        chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    if usage:
        chunks.append({"choices": [], "usage": {"prompt_tokens": usage[0], "completion_tokens": usage[1]}})
    return chunks


def called(*names: str) -> list[Chunk]:
    """Return the chunks of a reply that asks for functions; the ids of the calls are call00000, call00001, …"""
    calls = [
        {"index": number, "id": f"call{number:05}", "type": "function", "function": {"name": name, "arguments": "{}"}}
        for number, name in enumerate(names)
    ]
    delta = {"choices": [{"index": 0, "delta": {"tool_calls": calls}}]}
    return [delta, {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}]


@dataclass
class Played:
    """Plays one script a request, the last one again and again. `closed` counts the replies that were let go early."""

    scripts: list[Script] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    closed: int = 0

    def play(self, *scripts: Script) -> None:
        self.scripts += scripts

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages of the last request, without the system prompt."""
        messages: list[dict[str, Any]] = self.bodies[-1]["messages"]
        return [message for message in messages if message["role"] != "system"]

    def _take(self, request: Request) -> Script:
        self.bodies.append(copy.deepcopy(request.body))
        return self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]

    def stream(self, request: Request) -> Generator[Chunk, None, None]:
        try:
            for chunk in self._take(request):
                if isinstance(chunk, Exception):
                    raise chunk
                yield copy.deepcopy(chunk)
        except GeneratorExit:
            self.closed += 1
            raise

    async def astream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        try:
            for chunk in self._take(request):
                if isinstance(chunk, Exception):
                    raise chunk
                yield copy.deepcopy(chunk)
        except GeneratorExit:
            self.closed += 1
            raise

    def models(self) -> list[str]:
        return []

    async def amodels(self) -> list[str]:
        return []

    def count_tokens(self, text: str, model: str) -> int:
        return len(text)

    def counts_at_once(self, model: str) -> bool:
        return False

    def close(self) -> None:
        pass

    async def aclose(self) -> None:
        pass


def playing(endpoint: str | Endpoint = "vllm", **settings: Any) -> tuple[Client, Played]:
    """Return a client of an endpoint, and what plays its server."""
    client, played = Client(endpoint, api_key="x", **settings), Played()
    client._transport_made = played
    return client, played
