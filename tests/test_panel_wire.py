"""What a chat panel puts on the wire and into the notebook: little, no key, and nothing that runs."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from magistral_nb import (
    ChatPanel,
    Client,
    ConfigurationError,
    Conversation,
    Reply,
    Turn,
    user,
)
from magistral_nb.conversations.tree import Tree
from magistral_nb.events import Failed
from magistral_nb.journal.files import journal_folder
from magistral_nb.panel.transcript import PANEL_MIME, WIDGET_MIME
from tests.fake_server import FakeServer
from tests.hostile import TEXTS, dangers, unseen
from tests.html_reading import read
from tests.panels import Caught, Page
from tests.panels import caught as caught
from tests.panels import panel as panel
from tests.test_client import GOOD, client_for, events_of, sent

KEY = "zq7Kp2Xw-planted-0123456789-Lm9Rt4Vb"


def test_a_page_that_is_loaded_in_mid_stream_gets_everything(panel: ChatPanel, server: FakeServer) -> None:
    server.play(GOOD)
    panel.ask("first").result(30)
    gate = events_of({"reasoning": "Half "}, finish=None)
    server.play([gate, 1.5, events_of({"reasoning": "thought"}, {"content": "done"})])
    first = Page(panel)
    panel.ask("second")
    first.wait(lambda: first.reply.thinking == "Half ")
    assert first.wait(lambda: list(journal_folder().glob("*")))  # `%magistral recover` would find it
    late = Page(panel)
    assert late.live is not None
    told = panel._ops.hear({"type": "state", "id": panel.panel_id})
    assert told is not None
    assert (told["live"]["text"], told["busy"], told["panel_id"]) == ("second", True, panel.panel_id)
    assert (len(late.turns), late.live["text"], late.reply.thinking) == (1, "second", "Half ")
    assert late.settle() == first.settle()
    kept = panel._ops.hear({"type": "kept", "id": panel.panel_id})
    assert kept is not None
    assert set(kept) == {PANEL_MIME, "text/html", "text/plain"}
    assert "Half thought" in kept["text/html"]
    assert late.turns[1]["reply"]["thinking"] == "Half thought"


def test_what_a_page_sets_changes_nothing_that_was_said(panel: ChatPanel) -> None:
    panel.set_state({"messages": [1], "busy": True, "settings": {"endpoint": "evil"}, "disabled": True})
    assert (panel.messages, panel.busy, panel.disabled) == ([], False, True)
    assert panel.settings["endpoint"] != "evil"
    for message in (None, 5, {}, {"type": "ask"}, {"type": ["x"]}, {"type": "whole", "from": -3}, {"op": "x" * 10**6}):
        panel._ops.hear(message)
    assert panel.messages == []


def test_bytes_grow_with_what_is_new(panel: ChatPanel, server: FakeServer) -> None:
    """Twelve turns of 4,000 characters: the last one costs what the second did, and all of them 1.5 times the text."""
    deltas = [{"content": f"word{n % 10} " * 10} for n in range(60)]
    server.play(events_of(*deltas))
    costs = []
    for number in range(12):
        before = len(Caught.said)
        panel.ask(f"question {number}").result(30)
        page_is_told = [len(json.dumps(data)) for _, _, data, _ in Caught.said[before:]]
        costs.append(sum(page_is_told))
    assert costs[-1] <= costs[1] * 1.2
    assert sum(costs) <= 1.5 * 12 * 60 * 60


def test_a_flood_costs_few_messages(panel: ChatPanel, server: FakeServer) -> None:
    """H56: words of two characters, faster than anybody reads."""
    burst = events_of(*[{"content": "x "}] * 200, finish=None)
    script: list[bytes | float] = [burst, 0.05]
    server.play([*script * 40, events_of({"content": "."})])
    before, began = len(Caught.said), time.monotonic()
    panel.ask("hi").result(30)
    seconds = time.monotonic() - began
    told = [data for _, _, data, _ in Caught.said[before:]]
    assert len(told) <= 10 * seconds + 15
    assert sum(len(json.dumps(data)) for data in told) <= 1.5 * 16_000


def test_no_part_of_a_key_is_ever_told(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAGISTRAL_API_KEY", KEY)
    echo = f"Your key is {KEY}, keep it safe. "
    pieces = [{"content": echo[start : start + 5]} for start in range(0, len(echo), 5)]
    server.play(events_of({"reasoning": echo}, *pieces))
    server.play_json({"error": {"message": echo}}, status=401)
    server.play([events_of(*pieces, finish=None), 30.0])
    client = Client(base_url=server.base_url, model="m", max_retries=0, default_headers={"X-Api-Key": KEY})
    panel = ChatPanel(client, examples=[f"Is {KEY} prime?"])
    page = Page(panel)
    page.op("ask", text=f"My key is {KEY}")
    page.settle()
    page.op("ask", text="and now?")
    page.settle()
    page.op("ask", text="and then?")
    page.wait(lambda: "safe" in page.reply.answer)
    page.op("stop")
    page.settle()
    page.op("set", values={"instructions": f"never say {KEY}", "system": KEY})
    page.op("prompt", text=KEY)
    page.op("models")
    page.op("set", name="endpoint", value=KEY)
    for form in ("notebook", "markdown", "html", "json"):
        page.op("export", format=form)
    said = json.dumps([Caught.said, panel.get_state(), panel._repr_mimebundle_(), panel.messages], default=str)
    assert "redacted" in said
    assert len(said) > 10_000
    for part in (KEY, KEY[:8], KEY[-8:]):
        assert part not in said


def test_half_a_character_stops_nothing(panel: ChatPanel, server: FakeServer) -> None:
    server.play(events_of({"content": "Yes."}))
    page = Page(panel)
    page.op("set", values={"instructions": "Be \ud83d brief."})
    page.op("ask", text="Is it \ud83d?")
    page.settle()
    assert page.turns[0]["text"] == "Is it \ufffd?"
    told = [Caught.said, panel.get_state(), panel._repr_mimebundle_()]
    json.dumps(told, ensure_ascii=False, default=repr).encode()  # as the kernel's messages are written


def test_the_stored_form_reads_anywhere_and_can_be_gone_on_with(panel: ChatPanel, server: FakeServer) -> None:
    server.play(events_of({"reasoning": "Hm."}, {"content": "**4** <img src=x onerror=alert(1)>"}))
    page = Page(panel)
    for text in ("Two and two?", "Sure?"):
        page.op("ask", text=text)
        page.settle()
    page.op("regenerate", turn=1)
    page.settle()
    bundle, metadata = panel._repr_mimebundle_()
    assert "<strong>4</strong>" in bundle["text/html"]
    assert "<img" not in bundle["text/html"]
    assert "Two and two?" in bundle["text/plain"]
    assert WIDGET_MIME in bundle
    assert metadata[PANEL_MIME]["live"]["comm"] == panel.model_id
    stored = json.dumps(bundle[PANEL_MIME])
    for given in (stored, base64.b64encode(stored.encode()).decode(), json.loads(stored)):
        again = ChatPanel.resume(given, client_for(server))
        assert again.panel_id != panel.panel_id
        assert again.get_state()["messages"] == panel.get_state()["messages"]
        assert len(again.conversation.tree.turns) == 3
    sent_before = len(server.requests)
    again.ask("And now?").result(30)
    assert len(server.requests) == sent_before + 1
    assert "Sure?" in str(sent(server)["messages"])


def test_hostile_texts_do_nothing_in_what_is_stored_and_told() -> None:
    tree = Tree()
    for case in TEXTS:
        text = case["text"][:2_000]
        reply = Reply.from_dict({"thinking": text, "answer": text, "model": text, "complete": True})
        tree = tree.added(Turn((user(text),), reply, Failed("StreamError", text, text)), after=tree.head)
    panel = ChatPanel(Conversation(Client("demo"), tree=tree))
    bundle, _ = panel._repr_mimebundle_()
    assert dangers(read(bundle["text/html"])) == []
    assert unseen(bundle["text/plain"]) == []
    json.dumps(panel.state()).encode()
    json.dumps(bundle, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "given",
    ["", "{", "no base64!", "[]", "{}", '{"turns": 5}', '{"turns": [{"id": 0, "text": 5}]}', "{" * 5000,
     '{"turns": [{"id": 0, "text": "x", "reply": {"thinking": 1, "answer": ""}}]}', {"turns": [{"id": 0}]}],
)  # fmt: skip
def test_what_is_no_transcript_is_refused(given: Any) -> None:
    with pytest.raises(ConfigurationError, match="transcript"):
        ChatPanel.resume(given, Client("demo"))
