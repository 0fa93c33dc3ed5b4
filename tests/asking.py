"""Asking in either colour: one set of assertions for both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from magistral_nb import Client, Conversation, Event, Reply

Ask = Callable[..., tuple[Reply, list[Event]]]


def ask_sync(
    client: Client | Conversation, prompt: Any = "What is two and two?", **settings: Any
) -> tuple[Reply, list[Event]]:
    """Ask, and return the reply and all events."""
    with client.stream(prompt, **settings) as stream:
        events = list(stream)
    return stream.reply, events


def ask_async(client: Client, prompt: Any = "What is two and two?", **settings: Any) -> tuple[Reply, list[Event]]:
    """Do the same on an event loop of its own."""

    async def ask() -> tuple[Reply, list[Event]]:
        async with client, client.astream(prompt, **settings) as stream:
            events = [event async for event in stream]
        return stream.reply, events

    return asyncio.run(ask())


COLOURS: dict[str, Ask] = {"sync": ask_sync, "async": ask_async}
