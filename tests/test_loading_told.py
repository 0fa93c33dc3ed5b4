"""What a reader sees while a model is loading: in a notebook, in a terminal, and from `chat`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from magistral_nb import Reply, Timeouts, Waiting
from magistral_nb.dialects import Decoder
from magistral_nb.events import AnswerDelta, Started
from magistral_nb.loading_text import LoadingText
from magistral_nb.notebook.live import NotebookLive, TerminalLive
from magistral_nb.rendering.waiting import waiting_html

TEXT = "m.gguf needs about 21.4 GB of memory.\nThis machine has <24.0 GB> free."
LOADING = Waiting("loading", text=TEXT, progress=0.418)


def asking(waiting: Waiting | None) -> Any:
    """What a live picture looks at, at one moment."""
    return SimpleNamespace(waiting=waiting, reply=Reply(model="m.gguf", endpoint="gguf"))


def test_a_note_of_the_transport_becomes_an_event_with_text_and_progress() -> None:
    note = {"why": "loading", "seconds": 0, "text": TEXT, "progress": 0.418}
    (event,) = Decoder().feed({"magistral": {"waiting": note}})
    assert event == LOADING
    assert event.to_dict()["progress"] == 0.418


def test_the_line_says_how_far_it_is_and_each_line_of_text_stands_below_it() -> None:
    html = waiting_html("loading", 3.2, model="m.gguf", endpoint="gguf", text=TEXT, progress=0.418)
    assert (
        "Loading m.gguf… 42% 3 s<br>m.gguf needs about 21.4 GB of memory.<br>This machine has &lt;24.0 GB&gt;" in html
    )


def test_the_notebook_shows_text_and_progress_while_it_waits() -> None:
    live = NotebookLive(owns_output=True, show_thinking=True, limits=Timeouts())
    now = asking(LOADING)
    shown = live._views(now, now.reply, 1.0)["thinking"]
    assert "42%" in shown
    assert "21.4 GB" in shown
    before = asking(None)
    assert "%" not in live._views(before, before.reply, 0.0)["thinking"].partition("Asking")[2]


def test_a_terminal_prints_the_text_once(capsys: pytest.CaptureFixture[str]) -> None:
    live = TerminalLive(show_thinking=True, limits=Timeouts())
    for progress in (None, 0.1, 0.9):
        live.look(asking(Waiting("loading", text=TEXT, progress=progress)))
    assert capsys.readouterr().out == f"{TEXT}\n"


def test_chat_prints_each_text_once_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    loading = LoadingText()
    for event in (Started("m", "gguf"), Waiting("loading"), LOADING, LOADING, AnswerDelta("Hi")):
        loading.hear(event)
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", f"{TEXT}\n")
