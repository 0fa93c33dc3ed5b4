"""A cassette that is recorded: chunks pass through as they come, and are written when the reply has ended."""

from __future__ import annotations

import asyncio
import os
import time
import warnings
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, closing
from datetime import UTC, datetime

from magistral_nb.cassettes.asking import Asking
from magistral_nb.cassettes.cleaning import without_secrets, worth_keeping
from magistral_nb.cassettes.format import Recording, TimedChunk
from magistral_nb.cassettes.places import place_of
from magistral_nb.cassettes.reading import cassette_path
from magistral_nb.cassettes.writing import append, prepare
from magistral_nb.errors import MagistralError
from magistral_nb.scrubbing import scrub_data
from magistral_nb.transports import Chunk, Request, Streams


class Recorder:
    """Records what is asked. Errors are not recorded; a reply that broke off or was stopped is, as incomplete.

    held : how many exchanges the file held before. `anew` begins with an empty file.
    """

    def __init__(self, path: str | os.PathLike[str], *, anew: bool = False) -> None:
        self.name = cassette_path(path)  # as it was given: outputs of a notebook are shared
        self.path = self.name.absolute()  # the notebook may change its folder meanwhile
        self.held = prepare(self.path, anew=anew)

    def __str__(self) -> str:
        return f"records into {self.name}"

    def open(self, asking: Asking, outside: Callable[[], Streams]) -> Streams:
        """Return the model, or another cassette, with this one listening."""
        return _Listening(self, asking, outside())

    def write(self, take: _Take) -> str:
        """Write what was heard; return what went wrong, or "". The reply is never lost over it."""
        try:
            if recording := take.recording():
                append(self.path, recording)
        except (OSError, ValueError, RecursionError, MagistralError) as error:
            return f"This reply was not recorded in {self.path.name}: {error}"
        return ""


class _Take:
    """What is heard of one reply."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._began = time.perf_counter()
        self._chunks: list[TimedChunk] = []
        self._is_waiting = self._has_words = self._has_ended = False

    def hear(self, chunk: Chunk) -> None:
        """Take note of a chunk. Time counts from the end of the last wait: nobody wants to see a model load twice."""
        note = chunk.get("magistral")
        if self._is_waiting:
            self._began = time.perf_counter()
        self._is_waiting = isinstance(note, dict) and "waiting" in note
        kept = worth_keeping(chunk)
        if kept is None:
            return
        self._chunks.append((time.perf_counter() - self._began, kept))
        choices = kept.get("choices")
        said = choices if isinstance(choices, list) else []
        reasons = [one.get("finish_reason") for one in said if isinstance(one, dict)]
        self._has_words = self._has_words or bool(reasons)
        ended = any(reason and reason != "error" for reason in reasons) or (isinstance(note, dict) and "done" in note)
        self._has_ended = self._has_ended or ended

    def recording(self) -> Recording | None:
        """Return the exchange as it may be kept, or None if no word had come."""
        if not self._has_words:
            return None
        asking, played = self._asking, self._asking.recording
        return Recording(
            request=asking.request,
            place=played.place if played else scrub_data(place_of(asking.choice, asking.row)),
            recorded=played.recorded if played else datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            complete=self._has_ended,
            chunks=without_secrets(self._chunks),
            key=asking.key,
        )


class _Listening:
    def __init__(self, recorder: Recorder, asking: Asking, outside: Streams) -> None:
        self._recorder, self._asking, self._outside = recorder, asking, outside

    def stream(self, request: Request) -> Generator[Chunk, None, None]:
        take = _Take(self._asking)
        try:
            with closing(self._outside.stream(request)) as chunks:
                for chunk in chunks:
                    take.hear(chunk)
                    yield chunk
        except BaseException:
            self._write_and_warn(take)
            raise
        if failure := self._recorder.write(take):
            yield _notice(failure)

    async def astream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        take = _Take(self._asking)
        try:
            async with aclosing(self._outside.astream(request)) as chunks:
                async for chunk in chunks:
                    take.hear(chunk)
                    yield chunk
        except BaseException:
            self._write_and_warn(take)
            raise
        if failure := await asyncio.to_thread(self._recorder.write, take):  # others' words go on meanwhile
            yield _notice(failure)

    def _write_and_warn(self, take: _Take) -> None:
        """Something else is being told already."""
        if failure := self._recorder.write(take):
            warnings.warn(failure, stacklevel=3)


def _notice(text: str) -> Chunk:
    return {"magistral": {"notice": {"code": "not_recorded", "text": text}}}
