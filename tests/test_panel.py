"""The chat panel, heard as a page hears it: it asks, stops, branches, and tells who observes it."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from magistral_nb import (
    AuthenticationError,
    ChatPanel,
    Client,
    ConfigurationError,
    Conversation,
    Reply,
    StreamStalledError,
    Timeouts,
    record,
    replay,
)
from tests.fake_server import FakeServer
from tests.panels import Caught, Page
from tests.panels import caught as caught
from tests.panels import panel as panel
from tests.test_client import GOOD, client_for, events_of, sent

CUT = events_of({"reasoning": "Hm."}, {"content": "Half an"}, finish="length")


def answers(page: Page) -> list[str]:
    return [turn["reply"]["answer"] for turn in page.turns]


def test_it_asks_and_tells_observers_in_order(panel: ChatPanel, server: FakeServer) -> None:
    server.play(GOOD)
    told: list[Any] = []
    panel.observe(lambda change: told.append((change["name"], change["new"])), ["busy", "reply", "messages"])
    panel.on_reply(lambda reply: told.append(("on_reply", reply.answer, panel.busy)))
    pending = panel.ask("Two and two?")
    reply = pending.result(30)
    assert str(reply) == "4"
    assert panel.reply is reply
    assert [name for name, *_ in told] == ["busy", "messages", "reply", "busy", "on_reply"]
    assert told[-1] == ("on_reply", "4", False)
    asked, answered = panel.messages
    assert (asked["role"], asked["content"]) == ("user", "Two and two?")
    assert (answered["role"], answered["content"], answered["thinking"]) == ("assistant", "4", "Two.")
    with pytest.raises(Exception, match="read-only"):
        panel.messages = []


def test_an_observer_that_fails_keeps_nothing_from_going_on(panel: ChatPanel, server: FakeServer) -> None:
    server.play(GOOD)

    def fail(*_: object) -> None:
        raise ValueError("the author's own")

    panel.observe(fail, ["busy", "reply", "messages"])
    panel.on_reply(fail)
    for question in ("one", "two"):
        assert str(panel.ask(question).result(30)) == "4"
    assert Page(panel).settle()[1]["text"] == "two"


async def test_its_reply_can_be_awaited(panel: ChatPanel, server: FakeServer) -> None:
    server.play(GOOD)
    assert str(await asyncio.wait_for(panel.ask("Two and two?"), 30)) == "4"


def test_a_callback_may_ask_the_next_question(panel: ChatPanel, server: FakeServer) -> None:
    server.play(GOOD)
    more = iter(["And three?", "And four?"])

    def ask_on(reply: Reply) -> None:
        if question := next(more, None):
            panel.ask(question)

    panel.on_reply(ask_on)
    panel.ask("Two and two?")
    page = Page(panel)
    page.wait(lambda: len(panel.conversation.turns) == 3)
    assert [turn["text"] for turn in page.settle()] == ["Two and two?", "And three?", "And four?"]


def test_one_question_at_a_time(panel: ChatPanel, server: FakeServer) -> None:
    server.play([GOOD[:10], 0.2, GOOD[10:]])
    pending = panel.ask("first")
    with pytest.raises(ConfigurationError, match="one at a time"):
        panel.ask("second")
    page = Page(panel)
    assert "one at a time" in page.op("ask", text="third")["error"]["message"]
    assert "one at a time" in page.op("clear")["error"]["message"]
    pending.result(30)
    assert [turn["text"] for turn in page.settle()] == ["first"]
    assert "empty" in page.op("ask", text="  ")["error"]["message"]
    panel.disabled = True
    assert "disabled" in page.op("ask", text="fourth")["error"]["hint"]
    assert len(server.requests) == 1


def test_every_verb_of_the_page_leaves_it_with_what_the_kernel_has(panel: ChatPanel, server: FakeServer) -> None:
    for number in range(4):
        server.play(events_of({"reasoning": "Hm."}, {"content": f"a{number}"}))
    page = Page(panel)
    for text in ("one", "two"):
        assert page.op("ask", text=text)["data"] is None
        page.settle()
    assert answers(page) == ["a0", "a1"]
    page.op("edit", turn=0, text="uno")
    page.settle()
    assert [(turn["text"], turn["branch"]) for turn in page.turns] == [("uno", {"at": 2, "of": 2})]
    page.op("regenerate", turn=page.turns[0]["id"])
    page.settle()
    assert [(turn["text"], turn["branch"]) for turn in page.turns] == [("uno", {"at": 3, "of": 3})]
    page.op("branch", turn=page.turns[0]["id"], at=1)
    assert answers(page) == ["a0", "a1"]
    gone = page.op("delete", turn=page.turns[1]["id"])["data"]["turn"]
    assert answers(page) == ["a0"]
    page.op("restore", turn=gone)
    assert answers(page) == ["a0", "a1"]
    old = page.op("clear")["data"]["turn"]
    assert page.settle() == []
    assert len(panel.conversation.tree.turns) == 4
    page.op("restore", turn=old)
    assert answers(page) == ["a0", "a1"]
    assert "no branch 9" in page.op("branch", turn=0, at=9)["error"]["message"]
    assert "no turn" in page.op("delete", turn=99)["error"]["message"]
    assert "names no turn" in page.op("delete", turn="0")["error"]["message"]


def test_a_cut_reply_goes_on_and_the_page_sees_both_halves(panel: ChatPanel, server: FakeServer) -> None:
    server.play(CUT)
    server.play([events_of({"content": " answer"}, finish=None), 0.2, events_of({"content": "."})])
    page = Page(panel)
    page.op("ask", text="hi")
    (turn,) = page.settle()
    assert (turn["state"], turn["can_continue"]) == ("length", True)
    page.op("continue", turn=0)
    page.wait(lambda: page.reply.answer == "Half an answer")  # on its way it stands behind what there was
    (turn,) = page.settle()
    assert (turn["reply"]["answer"], turn["state"], turn["can_continue"]) == ("Half an answer.", "whole", False)


def test_where_a_reply_cannot_go_on_the_page_is_told_why(server: FakeServer) -> None:
    panel = ChatPanel(Client("ollama", base_url=server.base_url, model="m"))
    server.play(CUT)
    page = Page(panel)
    page.op("ask", text="hi")
    assert page.settle()[0]["can_continue"] is False
    page.op("continue", turn=0)
    cut, told = page.settle()
    assert cut["reply"]["answer"] == "Half an"
    assert "cannot go on" in told["error"]["message"]
    assert len(server.requests) == 1


@pytest.mark.parametrize("is_sent", [False, True], ids=["before it is sent", "once it is sent"])
def test_stop_before_the_first_token(panel: ChatPanel, server: FakeServer, is_sent: bool) -> None:
    if is_sent:
        server.play([5.0, GOOD])
    server.play(GOOD)
    page = Page(panel)
    page.op("ask", text="slow")
    assert not is_sent or server.wait_for(lambda: bool(server.requests))
    began = time.monotonic()
    page.op("stop")
    page.settle()
    assert time.monotonic() - began < 3
    assert [turn["state"] for turn in page.turns] == ["interrupted"]
    page.op("ask", text="again")
    page.settle()
    assert page.turns[-1]["reply"]["answer"] == "4"


def test_stop_in_mid_stream_keeps_what_has_come(panel: ChatPanel, server: FakeServer) -> None:
    server.play([events_of({"content": "Half an answer"}, finish=None), 30.0])
    page = Page(panel)
    pending = panel.ask("long")
    page.wait(lambda: page.reply.answer)
    panel.stop()
    assert pending.result(30).finish_reason == "interrupted"
    assert answers(page) == ["Half an answer"] if page.settle() else False
    assert server.wait_closed()


def test_an_error_stays_in_the_log_and_the_next_question_is_valid(panel: ChatPanel, server: FakeServer) -> None:
    server.play_json({"error": {"message": "no such key"}}, status=401)
    server.play(GOOD)
    page = Page(panel)
    pending = panel.ask("first")
    with pytest.raises(AuthenticationError):
        pending.result(30)
    (turn,) = page.settle()
    assert turn["state"] == "failed"
    assert "no such key" in turn["error"]["message"]
    assert turn["error"]["hint"]
    page.op("ask", text="second")
    page.settle()
    assert [turn["state"] for turn in page.turns] == ["failed", "whole"]
    assert [message["content"] for message in sent(server)["messages"] if message["role"] == "user"] == ["second"]


def test_a_silent_server_is_counted_down_and_what_had_come_is_kept(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F07 of the fault matrix."""
    monkeypatch.setattr("magistral_nb.notebook.patience.QUIET", 0.1)
    server.play(events_of({"reasoning": "Two"}, {"content": " words"}, finish=None), end="hold")
    panel = ChatPanel(client_for(server, timeout=Timeouts(between_events=0.6), max_retries=0))
    page = Page(panel)
    with pytest.raises(StreamStalledError):
        panel.ask("hi").result(30)
    page.settle()
    told = [data["content"] for _, _, data, _ in Caught.said if (data.get("content") or {}).get("type") == "patience"]
    assert any("gives up after" in one["text"] and "Stop ends it." in one["text"] for one in told)
    assert (page.turns[0]["reply"]["thinking"], page.turns[0]["reply"]["answer"]) == ("Two", " words")


def test_a_question_belongs_to_the_cassette_of_its_block(server: FakeServer, tmp_path: Path) -> None:
    server.play([0.1, GOOD])
    tape = tmp_path / "tape.jsonl"
    panel = ChatPanel(client_for(server))
    with record(tape):
        pending = panel.ask("Two and two?")
    pending.result(30)
    other = ChatPanel(client_for(server))
    with replay(tape):
        pending = other.ask("Two and two?")
    assert pending.result(30).recorded
    assert len(server.requests) == 1


def test_a_conversation_that_was_used_elsewhere_is_told(panel: ChatPanel, server: FakeServer) -> None:
    server.play(GOOD)
    page = Page(panel)
    panel.conversation.chat("in a cell")
    panel.ask("in the panel").result(30)
    assert [turn["text"] for turn in page.settle()] == ["in a cell", "in the panel"]


def test_two_panels_answer_at_once(server: FakeServer) -> None:
    gate = threading.Event()
    server.play([GOOD[:20], gate.wait, GOOD[20:]])
    panels = [ChatPanel(client_for(server)) for _ in range(2)]
    pending = [panel.ask("hi") for panel in panels]
    assert server.wait_for(lambda: len(server.requests) == 2, 30)
    assert [panel.busy for panel in panels] == [True, True]
    gate.set()
    assert [str(one.result(30)) for one in pending] == ["4", "4"]


def test_it_composes_with_other_widgets(panel: ChatPanel, server: FakeServer) -> None:
    from ipywidgets import HBox, Text, ToggleButton, VBox, dlink, link

    server.play(GOOD)
    shown, lock = Text(), ToggleButton()
    link((lock, "value"), (panel, "disabled"))
    dlink((panel, "reply"), (shown, "value"), str)
    assert VBox([panel, HBox([shown, lock])]).children[0] is panel
    lock.value = True
    assert panel.disabled
    panel.ask("hi").result(30)
    assert shown.value == "4"


def test_a_panel_that_is_closed_stops_and_leaves_no_widget(panel: ChatPanel, server: FakeServer) -> None:
    server.play([events_of({"content": "Half"}, finish=None), 30.0])
    page = Page(panel)
    pending = panel.ask("hi")
    page.wait(lambda: page.reply.answer)
    panel.close()
    assert pending.result(30).answer == "Half"
    assert server.wait_closed()
    threads = [thread for thread in threading.enumerate() if thread.name == "magistral_nb panel"]
    for thread in threads:
        thread.join(2)
    assert not any(thread.is_alive() for thread in threads)


def test_a_conversation_is_gone_on_with(server: FakeServer) -> None:
    server.play(GOOD)
    talk = Conversation(client_for(server), keep_thinking="all")
    talk.chat("first")
    panel = ChatPanel(talk)
    assert panel.settings["keep_thinking"] == "all"
    assert [message["content"] for message in panel.messages] == ["first", "4"]
    panel.ask("second").result(30)
    assert "Two." in str(sent(server)["messages"])
