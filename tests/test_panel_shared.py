"""A conversation that a panel shows, and that cells or another panel use as well: the page stays in step."""

from __future__ import annotations

import threading

from magistral_nb import ChatPanel, ConfigurationError, Conversation
from magistral_nb.notebook.memory import Memory
from tests.fake_server import FakeServer
from tests.panels import Page
from tests.panels import caught as caught
from tests.panels import panel as panel
from tests.test_client import GOOD, client_for, events_of


def questions(page: Page) -> list[str]:
    page.hear()
    return [turn["text"] for turn in page.turns]


def comes(page: Page, *texts: str) -> None:
    page.wait(lambda: questions(page) == list(texts), timeout=10)


def test_what_a_cell_asks_or_takes_back_is_seen_at_once(panel: ChatPanel, server: FakeServer) -> None:
    server.play(GOOD)
    page, talk = Page(panel), panel.conversation
    talk.chat("one")
    comes(page, "one")
    talk.chat("two")
    comes(page, "one", "two")
    assert page.settle()[1]["reply"]["answer"] == "4"
    page.wait(lambda: [one["content"] for one in panel.messages if one["role"] == "user"] == ["one", "two"])
    last = talk.undo()
    comes(page, "one")
    talk.switch(last)
    comes(page, "one", "two")
    talk.edit(-1, text="three")
    comes(page, "one", "three")
    assert page.settle()[1]["branch"] == {"at": 2, "of": 2}


def test_what_was_the_end_is_told_again_when_it_no_longer_is(panel: ChatPanel, server: FakeServer) -> None:
    cut = events_of({"reasoning": "Hm."}, {"content": "Half an"}, finish="length")
    server.play(cut)
    page, talk = Page(panel), panel.conversation
    talk.chat("one")
    comes(page, "one")
    assert page.settle()[0]["can_continue"]
    server.play(GOOD)
    talk.chat("two")
    comes(page, "one", "two")
    assert not page.settle()[0]["can_continue"]
    page.op("delete", turn=page.turns[1]["id"])
    assert page.settle()[0]["can_continue"]  # it can go on again, and the page has heard of it


def test_two_panels_on_one_conversation_stay_in_step(server: FakeServer) -> None:
    server.play(GOOD)
    talk = Conversation(client_for(server))
    first, second = ChatPanel(talk), ChatPanel(talk)
    pages = Page(first), Page(second)
    first.ask("one").result(30)
    second.ask("two").result(30)
    for page in pages:
        comes(page, "one", "two")
        page.settle()
    pages[0].op("clear")
    for page in pages:
        comes(page)
    second.close()
    first.ask("three").result(30)
    comes(pages[0], "three")
    assert questions(pages[1]) == []


def test_panels_that_move_at_once_do_not_wait_for_each_other(server: FakeServer) -> None:
    server.play(GOOD)
    talk = Conversation(client_for(server))
    panels = ChatPanel(talk), ChatPanel(talk)
    panels[0].ask("one").result(30)

    def move(panel: ChatPanel) -> None:
        for _ in range(200):
            try:
                panel.desk.restore(0)
                panel.desk.clear()
            except ConfigurationError:
                continue  # the other holds the conversation

    threads = [threading.Thread(target=move, args=(panel,), daemon=True) for panel in panels]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    panels[1].desk.restore(0)
    for one in panels:
        comes(Page(one), "one")


def test_what_is_taken_back_as_soon_as_it_is_said_leaves_the_panel_ready(panel: ChatPanel, server: FakeServer) -> None:
    server.play(GOOD)
    page, talk = Page(panel), panel.conversation
    panel.ask("one").result(30)
    end = talk.watch(lambda: talk.turns[1:] and talk.undo())  # before the panel has told of it
    panel.ask("two").result(30)
    end()
    assert [turn["text"] for turn in page.settle()] == ["one"]
    panel.ask("three").result(30)
    assert [turn["text"] for turn in page.settle()] == ["one", "three"]


def test_an_observer_may_ask_when_a_cell_has_asked(panel: ChatPanel, server: FakeServer) -> None:
    server.play(GOOD)
    page, asked = Page(panel), threading.Event()

    def ask_once(_: object) -> None:
        if not asked.is_set():
            asked.set()
            panel.ask("and then?")

    panel.observe(ask_once, "messages")
    panel.conversation.chat("one")
    comes(page, "one", "and then?")
    page.settle()


def test_cells_and_a_panel_on_their_conversation_go_on_from_each_other(server: FakeServer) -> None:
    server.play(GOOD)
    memory, client = Memory(), client_for(server)
    talk, other = Conversation(client, tree=memory.tree), Conversation(client, tree=memory.tree)
    memory.keep_in_step(talk)
    memory.keep_in_step(other)

    def said() -> list[list[str]]:
        return [[turn.question for turn in tree.line] for tree in (memory.tree, talk.tree, other.tree)]

    talk.chat("panel")
    assert said() == [["panel"]] * 3
    memory.keep("a", "cell", client.chat("cell"), continued=True)
    assert said() == [["panel", "cell"]] * 3
    other.chat("the other")
    assert said() == [["panel", "cell", "the other"]] * 3
    memory.keep("a", "cell again", client.chat("cell again"), continued=True)  # the cell is run again
    assert said() == [["panel", "cell again", "the other"]] * 3
    memory.keep("b", "afresh", client.chat("afresh"), continued=False)
    talk.chat("by itself")
    assert said() == [["afresh"], [*said()[2], "by itself"], ["panel", "cell again", "the other"]]


def test_where_both_go_on_at_once_each_keeps_its_own(server: FakeServer) -> None:
    server.play(GOOD)
    memory, client = Memory(), client_for(server)
    talk = Conversation(client, tree=memory.tree)
    memory.keep_in_step(talk)
    with talk.stream("panel") as stream:
        next(iter(stream))
        memory.keep("a", "cell", client.chat("cell"), continued=True)
        for _ in stream:
            pass
    assert [turn.question for turn in talk.turns] == ["panel"]
    assert [turn.question for turn in memory.tree.line] == ["cell"]
