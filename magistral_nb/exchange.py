"""One exchange with a model, in both colours: a question goes down, its events come back, and nothing is lost.

The two loops differ in nothing but `await`; all decisions are made by the question and its decoder, which have none.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Iterable
from contextlib import aclosing, closing
from dataclasses import dataclass

from magistral_nb.errors import (
    APIConnectionError,
    ConnectionLostError,
    ContextLengthError,
    MagistralError,
    StreamStalledError,
)
from magistral_nb.events import Event
from magistral_nb.journal import journal
from magistral_nb.question import Question, context_to_retry_with
from magistral_nb.transports import Streams


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and the way to its model.

    make_question : called with None, and with the window that the server named if the question did not fit into it.
    open_transport : called with the question once it is made: a wrong one needs no key and no engine.
    reads_files : making the question reads a model's file, which would hold up an event loop.
    """

    make_question: Callable[[int | None], Question]
    open_transport: Callable[[Question], Streams]
    reads_files: bool = False

    def events(self) -> Generator[Event, None, None]:
        """Ask, and yield events as they arrive. What was held back comes out before an error is raised."""
        with journal() as kept:
            context, following = None, None
            while True:
                question = following or self.make_question(context)
                try:
                    question.bill.open()
                    transport = self.open_transport(question)
                    kept.begin(question.reply, question.note)
                    yield from question.begin(again=context is not None)
                    with closing(transport.stream(question.request)) as chunks:
                        for chunk in chunks:
                            yield from question.hear(chunk)
                            if question.is_cut:
                                break
                    yield from question.end()
                except MagistralError as error:
                    context = _context_to_retry_with(error, question, context)
                    if context is not None:
                        continue
                    yield from _last_events(error, question)
                    _raise_unless_too_late(error, question)
                except BaseException as stopped:
                    question.interrupt()
                    _cut_frames(stopped)
                    raise
                following = question.follow_up
                if following is None:
                    return

    async def aevents(self) -> AsyncGenerator[Event, None]:
        """Do the same on the running event loop."""
        with journal() as kept:
            context, following = None, None
            while True:
                question = following or await self._amake_question(context)
                try:
                    question.bill.open()
                    transport = self.open_transport(question)
                    kept.begin(question.reply, question.note)
                    for event in question.begin(again=context is not None):
                        yield event
                    async with aclosing(transport.astream(question.request)) as chunks:
                        async for chunk in chunks:
                            for event in question.hear(chunk):
                                yield event
                            if question.is_cut:
                                break
                    for event in question.end():
                        yield event
                except MagistralError as error:
                    context = _context_to_retry_with(error, question, context)
                    if context is not None:
                        continue
                    for event in _last_events(error, question):
                        yield event
                    _raise_unless_too_late(error, question)
                except BaseException as stopped:
                    question.interrupt()
                    _cut_frames(stopped)
                    raise
                following = question.follow_up
                if following is None:
                    return

    async def _amake_question(self, context: int | None) -> Question:
        if self.reads_files:
            return await asyncio.to_thread(self.make_question, context)
        return self.make_question(context)


def _cut_frames(error: BaseException) -> None:
    """Leave out the frames below: they hold what the server sent, unscrubbed. A fault of our own keeps them."""
    if isinstance(error, MagistralError | KeyboardInterrupt):
        error.__traceback__ = None


def _last_events(error: MagistralError, question: Question) -> Iterable[Event]:
    """Return what was held back, and the end of a reply that had ended."""
    if not _came_too_late(error, question):
        return question.fail(error)
    return question.end()


def _raise_unless_too_late(error: MagistralError, question: Question) -> None:
    if not _came_too_late(error, question):
        _cut_frames(error)
        raise error


def _came_too_late(error: MagistralError, question: Question) -> bool:
    """Say whether a connection broke, or fell silent, after the reply had ended: then nothing is missing."""
    broke = isinstance(error, APIConnectionError | ConnectionLostError | StreamStalledError)
    return broke and question.decoder.ended


def _context_to_retry_with(error: MagistralError, question: Question, tried: int | None) -> int | None:
    """A window that nobody knew, and that the server has now named, is tried once."""
    if tried is None and isinstance(error, ContextLengthError):
        context = context_to_retry_with(error, question)
        if context is not None:
            question.bill.close(question.reply)
        return context
    return None
