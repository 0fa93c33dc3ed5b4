"""The twelve nastiest faults of the matrix, as the server plays them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tests.bombs import gzip_bomb
from tests.fake_wire import Script


def event(**choice: Any) -> bytes:
    """Return one event of a stream."""
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": {}, **choice}]}).encode() + b"\n\n"


BEGUN = event(delta={"reasoning": "Half a thought"}) + event(delta={"content": "Half an answer"})
END = event(finish_reason="stop") + b"data: [DONE]\n\n"
KEEP_ALIVE: list[bytes | float] = [b": keep-alive\n\n", 0.05] * 2_000
SENTENCE = [event(delta={"content": f"word{number} "}) for number in range(2_000)]
REPLY = {"choices": [{"index": 0, "message": {"content": "The answer"}, "finish_reason": "stop"}]}
PAGE = b"<html><title>Campus sign-in</title>Please sign in</html>"
NO_UTF8 = event(delta={"content": ", <>!"}).replace(b"<>", b"\xff")
SLOW_DOWN = b'{"error": {"message": "slow down"}}'
LATER = {"retry-after": "300", "content-type": "application/json"}
BOMB = gzip_bomb(BEGUN, 400)


@dataclass(frozen=True)
class Fault:
    """One fault, and how long to wait for what a client makes of it.

    reads : after so many words the reader breaks out of the loop, and keeps the stream for three seconds more.
    patience : seconds. environment : of the client's process.
    """

    FIRST: ClassVar[Script] = Script(event(delta={"content": "loaded"}) + END)
    """What the first question of each process gets: it loads what there is to load."""

    name: str
    scripts: tuple[Script, ...]
    reads: int | None = None
    patience: float = 20.0
    environment: Mapping[str, str] = field(default_factory=dict)


def _slow(words: list[bytes]) -> list[bytes | float]:
    return [piece for word in words for piece in (word, 0.02)]


FAULTS = (
    Fault("cut stream", (Script(BEGUN, end="cut"),)),
    Fault("endless keep-alive", (Script([BEGUN, *KEEP_ALIVE]),), patience=15),
    Fault("`event: error`", (Script(BEGUN + b'event: error\ndata: {"message": "CUDA died"}\n\n'),)),
    Fault("a web page, 200", (Script(PAGE, headers={"content-type": "text/html"}),)),
    Fault("plain JSON, 200", (Script(json.dumps(REPLY).encode(), headers={"content-type": "application/json"}),)),
    Fault("gzip bomb, 400 MiB", (Script(BOMB, headers={"content-encoding": "gzip"}),), patience=120),
    Fault("silent end, no `[DONE]`", (Script(BEGUN),)),
    Fault("bytes that are no UTF-8", (Script(BEGUN + NO_UTF8 + END),)),
    Fault("broken JSON", (Script(BEGUN + b"data: {not json}\n\n" + END),)),
    Fault("reader leaves the loop", (Script(_slow(SENTENCE), end="hold"),), reads=3),
    Fault("proxy variable, server here", (Script(BEGUN + END),), environment={"HTTP_PROXY": "http://127.0.0.1:9"}),
    Fault("429, Retry-After 300 s", (Script(SLOW_DOWN, 429, LATER),)),
)
