"""Models of `transformers` in this process: each is loaded once for all clients that ask for it.

It is freed when the last of them lets go of it.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from magistral_nb.transports.transformers_loading import Progress, TransformersModel, load

if TYPE_CHECKING:
    from magistral_nb.transports.transformers_engine import Engine


@dataclass(eq=False)
class Shared:
    """A model, loading or loaded, and how many use it."""

    key: tuple[str, str]
    progress: Progress
    loading: Future[Engine] = field(default_factory=Future)
    users: int = 0

    @property
    def has_failed(self) -> bool:
        """Whether it could not be loaded."""
        return self.loading.done() and self.loading.exception() is not None


_shared: dict[tuple[str, str], Shared] = {}
_lock = threading.Lock()


def borrow(name: str, how: TransformersModel) -> Shared:
    """Return the model of that name, which is loaded if need be. It may still be loading."""
    path = Path(name).expanduser()
    key = (str(path.resolve()) if path.exists() else name, repr(how))
    with _lock:
        shared = _shared.get(key)
        if shared is None or shared.has_failed:
            shared = _shared[key] = Shared(key, Progress(name))
            shared.loading.set_running_or_notify_cancel()
            # A thread of its own: an interrupt in the main thread never strikes in the middle of loading.
            threading.Thread(target=_load, args=(shared, how), name="magistral-loading", daemon=True).start()
        shared.users += 1
        return shared


def release(shared: Shared) -> None:
    """Give a model back. The last one to do so waits until it is free, unless it is still loading."""
    with _lock:
        shared.users -= 1
        if shared.users > 0:
            return
        if _shared.get(shared.key) is shared:
            del _shared[shared.key]
    shared.loading.add_done_callback(_free)


def _load(shared: Shared, how: TransformersModel) -> None:
    try:
        from magistral_nb.transports.transformers_engine import Engine

        shared.loading.set_result(Engine(load(shared.key[0], how, shared.progress)))
    except BaseException as error:  # for whoever waits for it
        shared.loading.set_exception(error)


def _free(loading: Future[Engine]) -> None:
    if loading.exception() is None:
        loading.result().free()
