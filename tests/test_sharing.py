"""Models that are loaded once for all: who holds them, and when they are freed."""

from __future__ import annotations

import gc
import threading

import pytest

from magistral_nb.transports.sharing import Loan, Shared, Shelf

Loading = Shared[str, list[str], str]


class Loads:
    """Loads names, and remembers what was loaded and freed."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.freed: list[str] = []
        self.shelf: Shelf[str, list[str], str] = Shelf(self.freed.append)
        self.may_end = threading.Event()
        self.may_end.set()

    def load(self, shared: Loading) -> str:
        assert shared.users > 0  # loading may end early if nobody waits
        self.may_end.wait(10)
        self.loaded.append(shared.key)
        if shared.key == "broken":
            raise OSError("no such file")
        return shared.key

    def borrow(self, key: str) -> Loan[str, list[str], str]:
        return self.shelf.borrow(key, list, self.load)


def test_one_is_loaded_for_all_and_freed_by_the_last() -> None:
    loads = Loads()
    first, second = loads.borrow("a"), loads.borrow("a")
    assert first.shared is second.shared
    assert first.shared.loading.result(10) == "a"
    assert loads.shelf.is_loaded("a")
    first.give_back()
    first.give_back()  # twice is once
    assert loads.freed == []
    second.give_back()
    assert [loads.loaded, loads.freed, loads.shelf.in_use()] == [["a"], ["a"], []]


def test_what_is_dropped_is_freed_when_the_next_is_asked_for() -> None:
    """A cell that is run again with another model makes a new client, and forgets the old one."""
    loads = Loads()
    loan = loads.borrow("a")
    loan.shared.loading.result(10)
    del loan
    gc.collect()
    loads.borrow("b").give_back()
    assert "a" in loads.freed
    assert loads.shelf.in_use() == []


def test_what_is_given_back_while_it_loads_is_freed_once_it_is_loaded() -> None:
    loads = Loads()
    loads.may_end.clear()
    loan = loads.borrow("a")
    loan.give_back()
    assert not loads.shelf.is_loaded("a")
    loads.may_end.set()
    loan.shared.loading.result(10)
    for thread in threading.enumerate():
        if thread.name == "magistral-loading":
            thread.join(10)
    assert loads.freed == ["a"]


def test_what_failed_is_loaded_anew() -> None:
    loads = Loads()
    loan = loads.borrow("broken")
    with pytest.raises(OSError, match="no such file"):
        loan.shared.loading.result(10)
    again = loads.borrow("broken")
    assert again.shared is not loan.shared
    again.give_back()
    loan.give_back()
    assert loads.freed == []
    assert loads.shelf.in_use() == []
