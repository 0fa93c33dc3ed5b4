"""Models of this process: each is loaded once for all who ask for the same, and freed when the last of them is done."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
News = TypeVar("News")
Model = TypeVar("Model")


@dataclass(eq=False)
class Shared(Generic[Key, News, Model]):
    """A model, loading or loaded, and how many use it. `news` is for whoever waits; the loading thread writes it."""

    key: Key
    news: News
    loading: Future[Model] = field(default_factory=Future)
    users: int = 0

    @property
    def has_failed(self) -> bool:
        """Whether loading ended in an error; the next who asks loads anew."""
        return self.loading.done() and self.loading.exception() is not None


class Loan(Generic[Key, News, Model]):
    """One user's hold on a model. Whoever drops it without giving it back has given it back, too, if a little later."""

    def __init__(self, shelf: Shelf[Key, News, Model], shared: Shared[Key, News, Model]) -> None:
        self.shared = shared
        self._shelf = shelf
        self._dropped = weakref.finalize(self, shelf.dropped.append, shared)
        self._dropped.atexit = False

    def give_back(self) -> None:
        """Let go of the model; the last one to do so frees it, and waits for that, unless it is still loading."""
        if self._dropped.detach():
            self._shelf.release(self.shared)


class Shelf(Generic[Key, News, Model]):
    """Holds the models that are in use. `free` takes one out of memory."""

    def __init__(self, free: Callable[[Model], None]) -> None:
        self._free = free
        self._lock = threading.Lock()
        self._shared: dict[Key, Shared[Key, News, Model]] = {}
        self.dropped: deque[Shared[Key, News, Model]] = deque()
        """What nobody holds any more. Garbage is collected at any time, even under the lock: hence not freed there."""

    def is_loaded(self, key: Key) -> bool:
        """Tell whether there is such a model, ready."""
        shared = self._shared.get(key)
        return shared is not None and shared.loading.done()

    def in_use(self) -> list[Shared[Key, News, Model]]:
        """Return what is loading or loaded."""
        return [shared for shared in list(self._shared.values()) if not shared.has_failed]

    def borrow(
        self, key: Key, news: Callable[[], News], load: Callable[[Shared[Key, News, Model]], Model]
    ) -> Loan[Key, News, Model]:
        """Lend the model for a key; `load` is called for it if need be, and may still be at work."""
        self._free_dropped()
        with self._lock:
            shared = self._shared.get(key)
            if shared is None or shared.has_failed:
                shared = self._shared[key] = Shared(key, news(), users=1)  # whoever loads sees that somebody waits
                shared.loading.set_running_or_notify_cancel()
                # A thread of its own: an interrupt in the main thread never strikes in the middle of loading.
                threading.Thread(target=_load, args=(shared, load), name="magistral-loading", daemon=True).start()
            else:
                shared.users += 1
        return Loan(self, shared)

    def release(self, shared: Shared[Key, News, Model]) -> None:
        """Count one user less; without any the model is freed, as soon as it is loaded."""
        with self._lock:
            shared.users -= 1
            if shared.users > 0:
                return
            if self._shared.get(shared.key) is shared:
                del self._shared[shared.key]
        shared.loading.add_done_callback(self._free_loaded)

    def free_all(self) -> None:
        """Free every model, whoever uses it."""
        for shared in self.in_use():
            self._free_loaded(shared.loading)

    def _free_dropped(self) -> None:
        while self.dropped:
            try:
                shared = self.dropped.popleft()
            except IndexError:  # another thread was quicker
                return
            self.release(shared)

    def _free_loaded(self, loading: Future[Model]) -> None:
        if loading.exception() is None:
            self._free(loading.result())


def _load(shared: Shared[Key, News, Model], load: Callable[[Shared[Key, News, Model]], Model]) -> None:
    try:
        shared.loading.set_result(load(shared))
    except BaseException as error:  # for whoever waits for it
        shared.loading.set_exception(error)
