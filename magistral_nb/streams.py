"""A reply on its way: what `client.stream` and `client.astream` return. Two colours of one thin shell."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from types import TracebackType
from typing import Self

from magistral_nb.events import AnswerDelta, Event
from magistral_nb.replies import Reply


class ReplyStream:
    """Events as they arrive; `reply` is the reply so far. Leave the `with` block, or `close()`, to stop the model.

    >>> with client.stream("Is 91 prime?") as stream:
    ...     for event in stream:
    ...         match event:
    ...             case ThinkingDelta(text): print(text, end="")
    ...             case AnswerDelta(text): print(text, end="")
    >>> stream.reply.answer
    """

    def __init__(self, events: Generator[Event, None, None], reply: Reply) -> None:
        self._events = events
        self.reply = reply

    def __iter__(self) -> Iterator[Event]:
        return self._events

    def __next__(self) -> Event:
        return next(self._events)

    @property
    def text_stream(self) -> Iterator[str]:
        """The pieces of the answer only."""
        return (event.text for event in self._events if isinstance(event, AnswerDelta))

    def close(self) -> None:
        """Stop the model and let go of the connection; what had arrived stays in `reply`."""
        self._events.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncReplyStream:
    """The same on an event loop: `async with client.astream("…") as stream`, then `async for event in stream`."""

    def __init__(self, events: AsyncGenerator[Event, None], reply: Reply) -> None:
        self._events = events
        self.reply = reply

    def __aiter__(self) -> AsyncIterator[Event]:
        return self._events

    async def __anext__(self) -> Event:
        return await anext(self._events)

    @property
    def text_stream(self) -> AsyncIterator[str]:
        """The pieces of the answer only."""
        return (event.text async for event in self._events if isinstance(event, AnswerDelta))

    async def close(self) -> None:
        """Stop the model and let go of the connection; what had arrived stays in `reply`."""
        await self._events.aclose()

    aclose = close

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
