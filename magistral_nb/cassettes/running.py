"""The cassettes that run in this process. They hold for every thread: the magics ask from one of their own.

They lie in one another as the `with` blocks do. The innermost answers, or asks the one around it; around all of them
is the model.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import lru_cache, partial
from typing import Final

from magistral_nb.cassettes.asking import Asking, Cassette
from magistral_nb.cassettes.player import OnMiss, Player
from magistral_nb.cassettes.recorder import Recorder
from magistral_nb.choosing import Choice, named_by
from magistral_nb.endpoints import Endpoint
from magistral_nb.transports import Streams

VARIABLE: Final = "MAGISTRAL_CASSETTE"
"""Names a cassette to play for as long as the process lives; `record:FILE` records one."""

_lock = threading.Lock()
_running: tuple[Player | Recorder, ...] = ()
_kept: ContextVar[tuple[Player | Recorder, ...] | None] = ContextVar("magistral_nb_cassettes", default=None)


@contextmanager
def record(path: str | os.PathLike[str], *, anew: bool = False) -> Iterator[None]:
    """Record every reply in a file of JSON lines, behind those that are there; `anew` empties it first.

    Words still come as the model writes them. Keys, addresses and headers are not recorded; questions and replies are,
    in plain text. Raises ConfigurationError if the file cannot be written, is a link, or is no cassette.

    >>> with record("lesson.jsonl"):
    ...     client.chat("Is 91 prime?")
    """
    with running(Recorder(path, anew=anew)):
        yield


@contextmanager
def replay(path: str | os.PathLike[str], *, speed: float | None = None, on_miss: OnMiss = "error") -> Iterator[None]:
    """Answer every question from a cassette, without endpoint, key, engine or network.

    speed : 1 plays at the recorded pace, 2 twice as fast; None, the default, and 0 play at once.
    on_miss : what happens to a question that was not recorded. "error" raises CassetteMissError, which tells the
    nearest question; "nearest" plays the reply to that one; "live" asks the model. The last two say so in a notice.

    Raises ConfigurationError if the file is not there, or damaged.

    >>> with replay("lesson.jsonl"):
    ...     reply = client.chat("Is 91 prime?")
    >>> reply.recorded
    '2026-11-30'
    """
    with running(Player(path, speed=speed, on_miss=on_miss)):
        yield


@contextmanager
def running(cassette: Player | Recorder) -> Iterator[None]:
    """Let a cassette run within the block."""
    start(cassette)
    try:
        yield
    finally:
        stop(cassette)


def start(cassette: Player | Recorder) -> None:
    """Let a cassette run until it is stopped."""
    global _running
    with _lock:
        _running = (*_running, cassette)


def stop(cassette: Player | Recorder) -> None:
    """Let a cassette run no more. A reply on its way is still recorded, or played to its end."""
    global _running
    with _lock:
        _running = tuple(one for one in _running if one is not cassette)


@contextmanager
def as_now() -> Iterator[None]:
    """Let what is begun within this block, in a thread that takes its context along, keep the cassettes that run now.

    So a question that is asked in the `with` block of a cassette belongs to it, though it is sent when that is over.
    """
    token = _kept.set(all_running())
    try:
        yield
    finally:
        _kept.reset(token)


def all_running() -> tuple[Player | Recorder, ...]:
    """Return the cassettes that run, the innermost last. Raises ConfigurationError if $MAGISTRAL_CASSETTE is wrong."""
    kept = _kept.get()
    if kept is not None:
        return kept
    named = os.environ.get(VARIABLE)
    if not named:
        return _running
    with _lock:  # two first questions at once must not read it twice, each with a count of its own
        return (_of_environment(named), *_running)


def playing() -> Player | None:
    """Return the innermost cassette that is played, or None."""
    return next((one for one in reversed(all_running()) if isinstance(one, Player)), None)


def choose(live: Callable[[], Choice], endpoint: str | Endpoint | None, base_url: str | None) -> Choice:
    """Return where a question goes: as a cassette that is played says, else as `live` chooses."""
    asked = named_by(endpoint, base_url)
    source = live
    for cassette in all_running():
        if isinstance(cassette, Player):
            source = partial(cassette.choose, source, endpoint, base_url, asked)
    return replace(source(), asked=asked)


def look(live: Callable[[], Endpoint], row: Endpoint, model: str | None) -> Endpoint:
    """Return an endpoint with what is known of its model: from a cassette that is played, else as `live` finds it."""
    source = live
    for cassette in all_running():
        if isinstance(cassette, Player):
            source = partial(cassette.look, source, row, model)
    return source()


def answering(asking: Asking, live: Callable[[], Streams]) -> Streams:
    """Return what answers a question: a cassette, or the model that `live` opens, with cassettes listening."""
    source: Callable[[], Streams] = live
    for cassette in all_running():
        source = partial(_open, cassette, asking, source)
    return source()


def _open(cassette: Cassette, asking: Asking, outside: Callable[[], Streams]) -> Streams:
    return cassette.open(asking, outside)


@lru_cache(maxsize=1)
def _of_environment(named: str) -> Player | Recorder:
    kind, colon, path = named.partition(":")
    if colon and kind == "record":
        return Recorder(path)
    return Player(path if colon and kind == "replay" else named)
