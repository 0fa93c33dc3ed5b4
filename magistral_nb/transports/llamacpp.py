"""A GGUF model in this process, by llama.cpp: the embedded demonstration model, or a file of the user's own.

The model is loaded at the first question. Clients that ask for the same file, context and template share one engine,
which is freed when the last of them is closed, and at the end of the process at the latest.
"""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import AsyncGenerator, Generator, Mapping
from concurrent.futures import Future
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magistral_nb.errors import ConfigurationError
from magistral_nb.transports import Chunk, Request, demo_model
from magistral_nb.transports.llamacpp_engine import Engine, Load

if TYPE_CHECKING:
    from magistral_nb.transports.http import HttpTransport

DEMO = "demo"
"""Instead of a path: the embedded demonstration model, wherever it is installed."""


@dataclass(frozen=True, slots=True)
class LlamaCppModel:
    """What to load.

    find_model : the path of a GGUF file, or "demo".
    template : the text of a chat template in Jinja; None for the file's own.
    context : the window, in tokens.
    threads : for computing; more than one slows down on a busy machine.
    alias : the model id under which the engine answers.
    request_fields : what every request adds to its body, unless it says otherwise.
    """

    find_model: str = DEMO
    template: str | None = None
    context: int = demo_model.CONTEXT
    threads: int = 1
    alias: str = DEMO
    request_fields: Mapping[str, Any] = field(default_factory=dict)

    def load(self) -> Load:
        """Return the load that these facts mean now. Raises ConfigurationError if there is no such file."""
        return Load(self._path(), self.template, self.context, self.threads, self.alias)

    def _path(self) -> Path:
        if self.find_model == DEMO:
            return demo_model.locate()
        path = Path(self.find_model).expanduser()
        if not path.is_file():
            raise ConfigurationError(f"There is no model file {path}.", hint="Give the path of a GGUF file.")
        return path.resolve()


@dataclass(eq=False)
class _Shared:
    """An engine of this process, loading or loaded, and how many transports use it."""

    load: Load
    loading: Future[Engine] = field(default_factory=Future)
    users: int = 0


_shared: dict[Load, _Shared] = {}
_lock = threading.Lock()


class LlamaCppTransport:
    """Starts the engine at the first request and talks HTTP to it, so that one reader serves every server."""

    def __init__(self, engine: LlamaCppModel) -> None:
        self._model = engine
        self._lock = threading.Lock()
        self._borrowed: _Shared | None = None
        self._http: HttpTransport | None = None

    def stream(self, request: Request) -> Generator[Chunk, None, None]:
        """Load the model if need be, send the request and yield chunks as they arrive."""
        if not self._is_loaded():
            yield _loading()
        shared = self._borrow()
        shared.loading.result()
        yield from self._connection(shared).stream(self._complete(request))

    async def astream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Do the same on the running event loop."""
        if not self._is_loaded():
            yield _loading()
        shared = self._borrow()
        # Shielded: a caller who is cancelled stops waiting, and the engine goes on loading for the next one.
        await asyncio.shield(asyncio.wrap_future(shared.loading))
        async with aclosing(self._connection(shared).astream(self._complete(request))) as chunks:
            async for chunk in chunks:
                yield chunk

    def models(self) -> list[str]:
        """Return the one model id; nothing is loaded for it."""
        return [self._model.alias]

    async def amodels(self) -> list[str]:
        """Return the one model id; nothing is loaded for it."""
        return self.models()

    def count_tokens(self, text: str, model: str) -> int:
        """Ask the model's own tokenizer; the model is loaded if need be."""
        shared = self._borrow()
        shared.loading.result()
        return self._connection(shared).count_tokens(text, model)

    def counts_at_once(self) -> bool:
        """Say whether the model is loaded."""
        return self._is_loaded()

    def close(self) -> None:
        """Close the connections, and free the engine unless others use it. A later request starts anew."""
        http, shared = self._give_up()
        if http:
            http.close()
        if shared:
            _release(shared)

    async def aclose(self) -> None:
        """Do the same on the running event loop."""
        http, shared = self._give_up()
        if http:
            await http.aclose()
        if shared:
            await asyncio.to_thread(_release, shared)

    def _complete(self, request: Request) -> Request:
        return _allowed(replace(request, body={**self._model.request_fields, **request.body}))

    def _is_loaded(self) -> bool:
        shared = self._borrowed or _shared.get(_key(self._model.load()))
        return shared is not None and shared.loading.done()

    def _borrow(self) -> _Shared:
        with self._lock:
            if self._borrowed is None or _has_failed(self._borrowed.loading):
                self._borrowed = _borrow(self._model.load())
            return self._borrowed

    def _connection(self, shared: _Shared) -> HttpTransport:
        from magistral_nb.transports.http import HttpTransport

        with self._lock:
            if self._borrowed is not shared:
                raise ConfigurationError("The client was closed while its model was loading.")
            if self._http is None:
                engine = shared.loading.result()
                self._http = HttpTransport(
                    base_url=engine.base_url,
                    api_key=engine.api_key,
                    socket_path=engine.socket_path,
                    endpoint=self._model.alias,
                )
            return self._http

    def _give_up(self) -> tuple[HttpTransport | None, _Shared | None]:
        with self._lock:
            http, self._http = self._http, None
            shared, self._borrowed = self._borrowed, None
        return http, shared


def _loading() -> Chunk:
    return {"magistral": {"waiting": {"why": "loading", "seconds": 0}}}


def _allowed(request: Request) -> Request:
    """Leave out the grammar where there are tools: llama.cpp refuses the two together."""
    if not (request.body.get("tools") and "grammar" in request.body):
        return request
    body: dict[str, Any] = {name: value for name, value in request.body.items() if name != "grammar"}
    return replace(request, body=body)


def _key(load: Load) -> Load:
    """Return what decides whether two loads are one engine: file, context and template."""
    return replace(load, threads=1, alias="")


def _borrow(load: Load) -> _Shared:
    """Return the engine for a load, started if need be. It may still be loading."""
    with _lock:
        shared = _shared.get(_key(load))
        if shared is None or _has_failed(shared.loading):
            shared = _shared[_key(load)] = _Shared(load)
            shared.loading.set_running_or_notify_cancel()
            # A thread of its own: an interrupt in the main thread never strikes in the middle of loading.
            threading.Thread(target=_start, args=(shared,), name="magistral-loading", daemon=True).start()
        shared.users += 1
        return shared


def _start(shared: _Shared) -> None:
    try:
        shared.loading.set_result(Engine(shared.load))
    except BaseException as error:  # for whoever waits for it
        shared.loading.set_exception(error)


def _has_failed(loading: Future[Engine]) -> bool:
    return loading.done() and loading.exception() is not None


def _release(shared: _Shared) -> None:
    with _lock:
        shared.users -= 1
        if shared.users > 0:
            return
        if _shared.get(_key(shared.load)) is shared:
            del _shared[_key(shared.load)]
    shared.loading.add_done_callback(_stop)


def _stop(loading: Future[Engine]) -> None:
    if loading.exception() is None:
        loading.result().stop()


@atexit.register
def _stop_all() -> None:
    for shared in list(_shared.values()):
        _stop(shared.loading)
