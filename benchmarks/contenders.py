"""The clients that are compared: each asks the benchmark server one question and says what came back.

A contender is a factory: given the server's base URL and a model name, it makes its client and returns a function
that asks once and calls `see(kind, text)` for each piece as it arrives. What it needs is imported inside, so that a
sample's process holds nothing of the others.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from typing import Any

See = Callable[[str, str], None]
Ask = Callable[[See], None]
BODY: dict[str, Any] = {
    "messages": [{"role": "user", "content": "Say it."}],
    "stream": True,
    "stream_options": {"include_usage": True},
}


def floor(base_url: str, model: str) -> Ask:
    """Do the least that plain Python can: read lines, parse each, pick the two fields."""
    import httpx2

    client = httpx2.Client(timeout=600)

    def ask(see: See) -> None:
        with client.stream("POST", f"{base_url}/chat/completions", json=BODY | {"model": model}) as response:
            for line in response.iter_lines():
                if not line.startswith("data: {"):
                    continue
                choices = json.loads(line[6:])["choices"]
                delta = choices[0]["delta"] if choices else {}
                if thinking := delta.get("reasoning_content"):
                    see("thinking", thinking)
                if answer := delta.get("content"):
                    see("answer", answer)

    return ask


def openai_client(base_url: str, model: str) -> Ask:
    """Use OpenAI's client in the usual way."""
    import openai

    client = openai.OpenAI(base_url=base_url, api_key="x")

    def ask(see: See) -> None:
        for chunk in client.chat.completions.create(model=model, **BODY):
            if not chunk.choices:
                continue
            delta = chunk.choices[0].delta
            if thinking := getattr(delta, "reasoning_content", None):
                see("thinking", thinking)
            if delta.content:
                see("answer", delta.content)

    return ask


def openai_raw(base_url: str, model: str) -> Ask:
    """Make the request with OpenAI's client and throw the bytes away: what it costs without its objects."""
    import openai

    client = openai.OpenAI(base_url=base_url, api_key="x")

    def ask(see: See) -> None:
        create = client.chat.completions.with_streaming_response.create
        with create(model=model, **BODY) as response:
            for _ in response.iter_bytes():
                see("bytes", "?")

    return ask


def magistral(base_url: str, model: str) -> Ask:
    """Use this package."""
    import magistral_nb

    client = magistral_nb.Client(base_url=base_url, model=model, api_key="x")

    def ask(see: See) -> None:
        with client.stream("Say it.") as stream:
            for event in stream:
                if event.type == "thinking.delta":
                    see("thinking", event.text)
                elif event.type == "answer.delta":
                    see("answer", event.text)

    return ask


def magistral_async(base_url: str, model: str) -> Ask:
    """Use this package with `await`."""
    import magistral_nb

    client = magistral_nb.Client(base_url=base_url, model=model, api_key="x")
    runner = asyncio.Runner()

    async def converse(see: See) -> None:
        async with client.astream("Say it.") as stream:
            async for event in stream:
                if event.type == "thinking.delta":
                    see("thinking", event.text)
                elif event.type == "answer.delta":
                    see("answer", event.text)

    return lambda see: runner.run(converse(see))


def chatlas_client(base_url: str, model: str) -> Ask:
    """Use chatlas, a chat client for notebooks."""
    import chatlas

    chat = chatlas.ChatOpenAICompletions(base_url=base_url, model=model, api_key="x")

    def ask(see: See) -> None:
        chat.set_turns([])
        for piece in chat.stream("Say it.", echo="none", content="all"):
            thinking = getattr(piece, "thinking", None)
            see("answer" if thinking is None else "thinking", str(piece) if thinking is None else thinking)

    return ask


def litellm_client(base_url: str, model: str) -> Ask:
    """Use LiteLLM's library."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else its import asks the network
    import litellm

    def ask(see: See) -> None:
        question = BODY | {"model": f"openai/{model}", "api_base": base_url, "api_key": "x"}
        for chunk in litellm.completion(**question):
            if not chunk.choices:
                continue
            delta = chunk.choices[0].delta
            if thinking := getattr(delta, "reasoning_content", None):
                see("thinking", thinking)
            if delta.content:
                see("answer", delta.content)

    return ask


FLOOR = "floor: httpx2 lines"
UNDERSTANDS_NOTHING = "openai, raw bytes"
CONTENDERS: dict[str, Callable[[str, str], Ask]] = {
    FLOOR: floor,
    UNDERSTANDS_NOTHING: openai_raw,
    "openai": openai_client,
    "magistral_nb": magistral,
    "magistral_nb, async": magistral_async,
    "chatlas": chatlas_client,
    "litellm": litellm_client,
}
