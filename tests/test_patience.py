"""What a cell says of a reply that does not move: how long already, and which limit ends the wait."""

from __future__ import annotations

from typing import Any

import pytest

from magistral_nb import Timeouts, Waiting
from magistral_nb.events import ThinkingDelta
from magistral_nb.notebook.live import NotebookLive, TerminalLive
from magistral_nb.notebook.patience import Patience
from magistral_nb.replies import Reply
from tests.fake_server import FakeServer
from tests.test_client import events_of
from tests.test_magics import at, run
from tests.test_magics import shell as shell


class Silent:
    """A question whose reply grows by hand."""

    waiting: Waiting | None = None

    def __init__(self) -> None:
        self.reply = Reply(model="m", endpoint="here")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_before_the_first_word_and_between_words_another_clock_ends_the_wait(clock: list[float]) -> None:
    patience = Patience(Timeouts(first_event=120, between_events=60))
    assert patience.look(None, 0) == ""
    clock[0] += 12
    assert patience.look(None, 0) == "No word for 12 s: gives up after 2 min. Interrupt to stop."
    assert patience.look(None, 5) == ""
    clock[0] += 7
    assert patience.look(None, 5) == "No word for 7 s: gives up after 1 min. Interrupt to stop."


def test_a_total_and_no_limit_are_said(clock: list[float]) -> None:
    patience = Patience(Timeouts(first_event=None, total=300))
    patience.look(None, 0)
    clock[0] += 65
    told = "No word for 1 min 5 s: waits as long as it takes. 1 min 5 s of 5 min in all. Interrupt to stop."
    assert patience.look(None, 0) == told


def test_a_pause_before_another_try_is_counted_down(clock: list[float]) -> None:
    patience, pause = Patience(Timeouts()), Waiting("retry", 20.0)
    told = []
    for _ in range(3):
        told.append(patience.look(pause, 0))
        clock[0] += 5
    assert told == ["Asking again in 20 s.", "Asking again in 15 s.", "Asking again in 10 s."]
    assert "for at most 5 min" in patience.look(Waiting("loading", 3.0), 0)


def test_a_notebook_shows_it_below_what_has_come_and_takes_it_away_again(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: dict[str, str] = {}
    monkeypatch.setattr(NotebookLive, "_show", lambda self, name, html: shown.update({name: html}))
    live, now = NotebookLive(owns_output=True, show_thinking=True, limits=Timeouts()), Silent()
    live._handles = {"silence": None}
    asking: Any = now
    live.look(asking)
    clock[0] += 8
    live.look(asking)
    assert "No word for 8 s: gives up after 10 min." in shown["thinking"]
    now.reply.add(ThinkingDelta("Hm. ", at=8.0))
    clock[0] += 1
    live.look(asking)
    assert shown["silence"] == ""
    clock[0] += 6
    live.look(asking)
    assert "No word for 6 s: gives up after 1 min." in shown["silence"]
    assert "Hm." in shown["thinking"]


def test_a_terminal_prints_it_once_for_each_silence(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    live, now = TerminalLive(show_thinking=True, limits=Timeouts()), Silent()
    asking: Any = now
    for _ in range(8):
        live.look(asking)
        clock[0] += 2
    assert capsys.readouterr().out.count("No word for") == 1


def test_a_cell_knows_the_limits_in_force(shell: Any, server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("magistral_nb.notebook.patience.QUIET", 0.1)
    server.play([events_of({"content": "x"}, finish=None), 0.4, events_of({"content": "y"})])
    _, printed, _ = run(shell, f"{at(server)}\nq")
    assert "gives up after 1 min. Interrupt to stop.]" in printed
