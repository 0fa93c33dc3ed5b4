"""A local model server that always says the same text; run as a program, it prints its base URL and serves.

What a request wants is in its model name, so that any client can ask for it: `sim-n10000-r0-mreasoning-l0` is
10,000 chunks, r = chunks a second (0: as fast as the socket takes them), m = how the first 80 % are spelled, the
thinking (`reasoning`: in `reasoning_content`; `typed`: as Mistral's content parts; `plain`: as answer), and
l = milliseconds before the first byte. Every event is an HTTP chunk of its own, as most servers send it.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

TEXT = """So we check the first case: every term is smaller than the one before, hence the sequence converges.
Wait, that is not quite right; take $a_{n+1} = \\frac{a_n}{2} + \\frac{1}{a_n}$ instead. É, ∑ and 🦆 stay whole.

- **Step 1**: `x = 3` and \\(x^2 = 9\\)
- **Step 2**: $$\\sum_{k=1}^{n} k = \\frac{n(n+1)}{2}$$

```python
print([n * n for n in range(10)])
```

"""
PIECES = re.findall(r" ?\w{1,9}|[^\w\s]{1,4}|\s+", TEXT)  # each about the size of a model's token
SPELLINGS: dict[str, Callable[[str], dict[str, Any]]] = {
    "reasoning": lambda text: {"reasoning_content": text},
    "typed": lambda text: {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]},
    "plain": lambda text: {"content": text},
}


class Wish(NamedTuple):
    """What a model name asks for."""

    chunks: int
    a_second: float
    spelling: str
    latency_ms: float

    @classmethod
    def of(cls, model: str) -> Wish:
        """Read a model name."""
        asked = {"n": "400", "r": "0", "m": "reasoning", "l": "0"} | dict(re.findall(r"-([nrml])([\w.]+)", model))
        return cls(int(asked["n"]), float(asked["r"]), asked["m"], float(asked["l"]))


def thinking_and_answer(chunks: int) -> tuple[list[str], list[str]]:
    """Return the pieces of the thinking and those of the answer, `chunks` in all."""
    pieces = list(itertools.islice(itertools.cycle(PIECES), chunks))
    return pieces[: chunks * 4 // 5], pieces[chunks * 4 // 5 :]


@functools.lru_cache(maxsize=16)
def events(model: str) -> tuple[bytes, ...]:
    """Return the whole reply of `model`: each server-sent event, framed as an HTTP chunk."""
    wish = Wish.of(model)
    thinking, answer = thinking_and_answer(wish.chunks)
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [SPELLINGS[wish.spelling](text) for text in thinking] + [{"content": text} for text in answer]
    head: dict[str, Any] = {
        "id": "chatcmpl-bench",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": model,
    }
    choice: dict[str, Any] = {"index": 0, "logprobs": None, "finish_reason": None}
    choices = [choice | {"delta": delta} for delta in deltas]
    choices.append(choice | {"delta": {}, "finish_reason": "stop"})
    usage = {"prompt_tokens": 12, "completion_tokens": wish.chunks, "total_tokens": wish.chunks + 12}
    chunks = [head | {"choices": [one]} for one in choices] + [head | {"choices": [], "usage": usage}]
    data = [json.dumps(chunk, ensure_ascii=False) for chunk in chunks] + ["[DONE]"]
    blocks = [f"data: {text}\n\n".encode() for text in data]
    return tuple(b"%x\r\n%b\r\n" % (len(block), block) for block in blocks)


async def reply(model: str, writer: asyncio.StreamWriter) -> None:
    """Send the reply of `model`, at its pace."""
    wish = Wish.of(model)
    await asyncio.sleep(wish.latency_ms / 1000)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    clock = asyncio.get_running_loop().time
    started = clock()
    for number, block in enumerate(events(model)):
        if wish.a_second:
            await asyncio.sleep(started + number / wish.a_second - clock())
        writer.write(block)
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    await writer.drain()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every request of a connection until the client closes it."""
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = re.search(rb"content-length: *(\d+)", head)
            body = await reader.readexactly(int(length[1]) if length else 0)
            await reply(json.loads(body)["model"], writer)
    writer.close()


async def main() -> None:
    """Serve on a free port of this machine until standard input ends, so that no server outlives its user."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


@contextmanager
def running() -> Iterator[str]:
    """Run the server in a process of its own, and yield its base URL."""
    command = [sys.executable, "-m", "benchmarks.server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        # Leaving the block closes the server's standard input, and so ends it.
        assert process.stdout
        yield process.stdout.readline().strip()


if __name__ == "__main__":
    asyncio.run(main())
