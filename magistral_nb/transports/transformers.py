"""Any causal model by the package `transformers`, in this process: by its name on the hub, or from a folder.

A model is loaded at the first question that names it. Clients that ask for the same model, loaded in the same way,
share it; it is freed when the last of them is closed. Loading and generating have threads of their own.
"""

from __future__ import annotations

import asyncio
import atexit
import queue
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from magistral_nb.errors import ConfigurationError, ConnectionLostError, MagistralError
from magistral_nb.transports import Chunk, Request
from magistral_nb.transports.clocks import Clocks
from magistral_nb.transports.sharing import Loan, Shared
from magistral_nb.transports.transformers_loading import Progress, TransformersModel
from magistral_nb.transports.transformers_sampling import check_fields
from magistral_nb.transports.transformers_sharing import Key, borrow

if TYPE_CHECKING:
    from magistral_nb.transports.transformers_engine import Engine

__all__ = ["TransformersModel", "TransformersTransport"]

NEWS_EVERY = 0.5
"""How often whoever waits for a model to load hears how far it is, in seconds."""
LAST_WORDS = 5.0
"""How long replies may take to stop when Python ends, in seconds: a token, or a whole prompt that is being read."""
SharedModel: TypeAlias = "Shared[Key, Progress, Engine]"
Item = Chunk | BaseException | None
"""A chunk, what went wrong, or None: the end."""


_running: set[_Running] = set()


class _Running:
    """A reply that a thread generates. What it says is handed to `deliver`, which must not wait."""

    def __init__(self, engine: Engine, request: Request, deliver: Callable[[Item], None]) -> None:
        self.stopped = threading.Event()
        self._deliver = deliver
        self._thread = threading.Thread(
            target=self._run, args=(engine, request), name="magistral-generating", daemon=True
        )
        _running.add(self)
        self._thread.start()

    def stop(self) -> None:
        """Ask the model to stop at its next token."""
        self.stopped.set()

    def join(self, timeout: float) -> None:
        """Wait until the model has stopped."""
        self._thread.join(timeout)

    def _end(self) -> Item:
        return (
            ConnectionLostError("The client was closed before the reply was finished.")
            if self.stopped.is_set()
            else None
        )

    def _run(self, engine: Engine, request: Request) -> None:
        try:
            engine.answer(request.body, self._deliver, self.stopped)
            self._deliver(self._end())
        except BaseException as error:  # for whoever listens
            self._deliver(error)
        finally:
            _running.discard(self)


class TransformersTransport:
    """Lets whatever model a request names answer. Closing a generator stops the model at its next token."""

    def __init__(self, model: TransformersModel | None = None) -> None:
        self._how = model or TransformersModel()
        self._lock = threading.Lock()
        self._borrowed: dict[str, Loan[Key, Progress, Engine]] = {}
        self._replies: set[_Running] = set()

    def stream(self, request: Request) -> Generator[Chunk, None, None]:
        """Load the model if need be, and yield chunks as they are generated."""
        check_fields(request.body)
        shared = self._borrow(str(request.body["model"]))
        while not shared.loading.done():
            yield _loading(shared.news)
            with suppress(TimeoutError):
                _wait(shared.loading, NEWS_EVERY)
        engine = self._loaded(shared)
        if engine.is_busy:
            yield _busy()
        heard: queue.SimpleQueue[Item] = queue.SimpleQueue()
        clocks = Clocks(request.timeouts)
        running = self._start(engine, request, heard.put)
        try:
            while True:
                try:
                    with clocks:
                        item = heard.get(timeout=_not_negative(clocks.left()))
                except queue.Empty:
                    raise _too_slow(clocks) from None
                if not isinstance(item, dict):
                    if item is not None:
                        raise item
                    return
                clocks.event()
                yield item
        finally:
            self._stop(running)

    async def astream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Do the same on the running event loop."""
        check_fields(request.body)
        shared = self._borrow(str(request.body["model"]))
        # A caller who is cancelled stops waiting, and the model goes on loading for the next one.
        loading = asyncio.wrap_future(shared.loading)
        loading.add_done_callback(lambda done: done.cancelled() or done.exception())
        while not shared.loading.done():
            yield _loading(shared.news)
            await asyncio.wait([loading], timeout=NEWS_EVERY)
        engine = self._loaded(shared)
        if engine.is_busy:
            yield _busy()
        heard: asyncio.Queue[Item] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def deliver(item: Item) -> None:
            with suppress(RuntimeError):  # the loop has been closed, and nobody listens
                loop.call_soon_threadsafe(heard.put_nowait, item)

        clocks = Clocks(request.timeouts)
        running = self._start(engine, request, deliver)
        try:
            while True:
                try:
                    with clocks:
                        item = await asyncio.wait_for(heard.get(), _not_negative(clocks.left()))
                except TimeoutError:
                    raise _too_slow(clocks) from None
                if not isinstance(item, dict):
                    if item is not None:
                        raise item
                    return
                clocks.event()
                yield item
        finally:
            self._stop(running)

    def models(self) -> list[str]:
        """Return the models of the hub that are on this machine already; any other name or folder can be asked for."""
        try:
            import huggingface_hub
        except ImportError:
            return []
        try:
            repos = huggingface_hub.scan_cache_dir().repos
        except (huggingface_hub.CacheNotFound, OSError):
            return []
        return sorted(repo.repo_id for repo in repos if repo.repo_type == "model" and _has_weights(repo))

    def count_tokens(self, text: str, model: str) -> int:
        """Ask the model's own tokenizer; the model is loaded if need be."""
        shared = self._borrow(model)
        shared.loading.result()
        return self._loaded(shared).count_tokens(text)

    def counts_at_once(self, model: str) -> bool:
        """Say whether the model is loaded."""
        with self._lock:
            loan = self._borrowed.get(model)
        return loan is not None and loan.shared.loading.done() and not loan.shared.has_failed

    async def amodels(self) -> list[str]:
        """Return the models of the hub that are on this machine already."""
        return await asyncio.to_thread(self.models)

    def close(self) -> None:
        """Stop what is being generated, and free the models unless others use them. A later request starts anew."""
        with self._lock:
            replies, self._replies = self._replies, set()
            borrowed, self._borrowed = self._borrowed, {}
        for running in replies:
            running.stop()
        for loan in borrowed.values():
            loan.give_back()

    async def aclose(self) -> None:
        """Do the same on the running event loop."""
        await asyncio.to_thread(self.close)

    def _borrow(self, name: str) -> SharedModel:
        with self._lock:
            loan = self._borrowed.get(name)
            if loan is None or loan.shared.has_failed:
                loan = self._borrowed[name] = borrow(name, self._how)
            return loan.shared

    def _loaded(self, shared: SharedModel) -> Engine:
        with self._lock:
            if all(loan.shared is not shared for loan in self._borrowed.values()):
                raise ConfigurationError("The client was closed while its model was loading.")
        return shared.loading.result()

    def _start(self, engine: Engine, request: Request, deliver: Callable[[Item], None]) -> _Running:
        running = _Running(engine, request, deliver)
        with self._lock:
            self._replies.add(running)
        return running

    def _stop(self, running: _Running) -> None:
        running.stop()
        with self._lock:
            self._replies.discard(running)


def _not_negative(seconds: float | None) -> float | None:
    return None if seconds is None else max(0.0, seconds)


def _too_slow(clocks: Clocks) -> MagistralError:
    return clocks.error(place="The model", name="The model", hint="A long prompt takes long to read.")


def _loading(progress: Progress) -> Chunk:
    note: dict[str, object] = {"why": "loading", "seconds": 0.0, "text": progress.text, "progress": progress.share}
    return {"magistral": {"waiting": note}}


def _busy() -> Chunk:
    return {"magistral": {"waiting": {"why": "busy", "seconds": 0.0, "text": "Another reply comes first"}}}


def _wait(loading: Future[Engine], seconds: float) -> None:
    """Wait for a model, but not for what it raises."""
    with suppress(MagistralError):
        loading.result(timeout=seconds)


def _has_weights(repo: object) -> bool:
    files = {file.file_name for revision in getattr(repo, "revisions", ()) for file in revision.files}
    return any(name.endswith(".safetensors") for name in files)


@atexit.register
def _stop_all() -> None:
    """Let no thread be in the middle of a token when Python takes its modules apart."""
    running = list(_running)
    for one in running:
        one.stop()
    for one in running:
        one.join(LAST_WORDS)
