"""The chat panel in a real kernel: it goes on while cells run, and what it puts on the wire."""

from __future__ import annotations

import json
import time
from functools import partial

import pytest

from magistral_nb.panel.transcript import PANEL_MIME, WIDGET_MIME
from tests.fake_server import FakeServer
from tests.real.panel_kernel import Data, Notebook, opened, words
from tests.real.panel_kernel import notebook as notebook
from tests.real.test_live_widget import size
from tests.test_client import GOOD, events_of

pytestmark = pytest.mark.real

KEY = "zq7Kp2Xw-planted-0123456789-Lm9Rt4Vb"


def test_a_chat_streams_and_stops_while_a_cell_is_busy(notebook: Notebook, server: FakeServer) -> None:
    server.play(words(3))
    server.play(words(60))
    panel = opened(notebook, server)
    notebook.tell("hello", panel)
    begin = len(notebook.said)
    cell = notebook.start("time.sleep(10)")
    notebook.tell("ask", panel, text="one")
    (turn,) = notebook.wait(lambda: notebook.told("turn", begin))
    assert turn["content"]["data"]["content"]["turn"]["state"] == "whole"
    events = notebook.told("events", begin)
    assert len(events) > 20
    notebook.tell("ask", panel, text="two")
    notebook.wait(lambda: notebook.told("events", notebook.said.index(turn)))
    state = notebook.ask_now({"type": "state", "id": panel})  # as a page does that is loaded again meanwhile
    assert (state["live"]["text"], len(state["messages"]), state["busy"]) == ("two", 1, True)
    stopped = time.monotonic()
    notebook.tell("stop", panel)
    turn = notebook.wait(lambda: [one for one in notebook.told("turn", begin) if one is not turn])[0]
    assert turn["at"] - stopped < 0.7
    assert turn["content"]["data"]["content"]["turn"]["state"] == "interrupted"
    assert not notebook.is_done(cell)  # all of that happened beside it
    notebook.wait(lambda: notebook.is_done(cell))
    asked = "[m['content'] for m in panel.messages if m['role'] == 'user']"
    assert notebook.run(f"print({asked})") == "['one', 'two']\n"


def test_two_panels_at_once(notebook: Notebook, server: FakeServer) -> None:
    server.play(words(1))
    panels = [opened(notebook, server, name) for name in ("left", "right")]
    begin = len(notebook.said)
    cell = notebook.start("time.sleep(2.5)")
    for panel in panels:
        notebook.tell("ask", panel, text="hi")
    turns = notebook.wait(lambda: len(notebook.told("turn", begin)) == 2 and notebook.told("turn", begin))
    assert abs(turns[0]["at"] - turns[1]["at"]) < 0.8
    assert not notebook.is_done(cell)
    notebook.wait(lambda: notebook.is_done(cell))


def test_stop_before_the_first_token(notebook: Notebook, server: FakeServer) -> None:
    """A5: the server is silent for five seconds, the reader stops after one, and asks again by the second."""
    server.play([5.0, GOOD])
    server.play(GOOD)
    panel = opened(notebook, server)
    begin, asked = len(notebook.said), time.monotonic()
    notebook.tell("ask", panel, text="slow")
    time.sleep(1)
    notebook.tell("stop", panel)
    notebook.wait(lambda: notebook.told("turn", begin))
    notebook.tell("ask", panel, text="quick")
    turns = notebook.wait(lambda: len(notebook.told("turn", begin)) == 2 and notebook.told("turn", begin))
    assert turns[1]["at"] - asked < 2
    assert [one["content"]["data"]["content"]["turn"]["state"] for one in turns] == ["interrupted", "whole"]


def test_bytes_of_five_thousand_tokens(notebook: Notebook, server: FakeServer) -> None:
    script: list[bytes | float] = []
    events = events_of(*({"content": f"token{n} "} for n in range(5_000))).split(b"\n\n")
    for start in range(0, len(events), 100):  # as fast as it can be read, over one second or so
        script += [b"\n\n".join(events[start : start + 100]) + b"\n\n", 0.02]
    server.play(script)
    opened(notebook, server)
    costs = []
    for _ in range(3):
        begin = len(notebook.said)
        length = int(notebook.run("print(len(panel.ask('hi').result(30).answer))"))
        notebook.wait(partial(notebook.told, "turn", begin))
        comm = [one for one in notebook.said[begin:] if one["msg_type"] == "comm_msg"]
        costs.append(sum(map(size, comm)) / length)
        times = [one["at"] for one in comm]
        assert max(sum(first <= at < first + 1 for at in times) for first in times) <= 25
    print(f"comm bytes for each byte of text, three turns one after another: {costs}")
    assert max(costs) <= 1.5
    second_view = len(notebook.run("import json; print(json.dumps(panel.get_state()['messages']))"))
    assert second_view <= 1.2 * 3 * length


def test_what_a_notebook_keeps(notebook: Notebook, server: FakeServer) -> None:
    server.play(events_of({"reasoning": "Hm."}, {"content": "**Four** or so."}))
    panel = opened(notebook, server)
    (shown, below) = [one["content"] for one in notebook.said if one["msg_type"] == "display_data"][-2:]
    assert shown["data"][WIDGET_MIME]["model_id"] == shown["metadata"][PANEL_MIME]["live"]["comm"]
    begin = len(notebook.said)
    notebook.tell("ask", panel, text="Two and two?")

    def renewed(display: Data) -> list[Data]:
        """Return what has become of a display, the newest last."""
        name = display["transient"]["display_id"]
        updates = [one["content"] for one in notebook.said[begin:] if one["msg_type"] == "update_display_data"]
        return [one["data"] for one in updates if one["transient"]["display_id"] == name]

    kept = notebook.wait(lambda: renewed(below))[-1]
    assert "<strong>Four</strong>" in kept["text/html"]
    assert f"magistral-so-far-{panel}" in kept["text/html"]
    assert not renewed(shown)  # a page that draws the widget keeps what its reader is writing
    notebook.tell("hello", panel, follow=True)
    kept = notebook.wait(lambda: len(renewed(below)) > 1 and renewed(shown))[-1]
    assert set(kept) == {PANEL_MIME, "text/html", "text/plain"}
    assert "<strong>Four</strong>" in kept["text/html"]
    assert renewed(below)[-1] == {"text/plain": ""}
    again = notebook.run(
        f"import base64, json\nfrom IPython.display import display\n"
        f"again = ChatPanel.resume(base64.b64encode(json.dumps({kept[PANEL_MIME]!r}).encode()).decode())\n"
        f"print(again.messages[1]['content'])"
    )
    assert again == "**Four** or so.\n"
    notebook.run("panel.close()")
    last = notebook.wait(lambda: renewed(shown))[-1]
    assert WIDGET_MIME not in last


def test_what_a_notebook_keeps_of_panels_in_boxes(notebook: Notebook, server: FakeServer) -> None:
    opened(notebook, server)
    begin = len(notebook.said)
    notebook.run("from ipywidgets import *\ndisplay(HBox([Label('no panel')]))")
    notebook.run("b = ChatPanel(panel.conversation.client)\nTab([HBox([panel, VBox([b, panel])]), Label('beside')])")
    plain, tab, below = [one["content"] for one in notebook.said[begin:] if one["msg_type"] == "display_data"]
    assert WIDGET_MIME in plain["data"]
    assert WIDGET_MIME in tab["data"]
    assert below["data"] == {"text/plain": ""}

    def kept() -> list[str]:
        updates = [one["content"] for one in notebook.said[begin:] if one["msg_type"] == "update_display_data"]
        mine = [one for one in updates if one["transient"]["display_id"] == below["transient"]["display_id"]]
        return [one["data"].get("text/html", "") for one in mine]

    def is_kept(words: str) -> bool:
        return words in (kept() or [""])[-1]

    for number, name in enumerate(("panel", "b", "b")):
        server.play(events_of({"content": f"**Said** {number}."}))
        notebook.run(f"_ = {name}.ask('{name}?').result(30)")
        asked = time.monotonic()
        notebook.wait(partial(is_kept, f"<strong>Said</strong> {number}."))
        assert time.monotonic() < asked + 3  # a notebook that is saved now has it
    assert "<strong>Said</strong> 0." in kept()[-1]
    assert kept()[-1].count("magistral-conversation") == 2  # the first is in the box twice


def test_the_magic_opens_one_on_what_the_cells_have_said(notebook: Notebook, server: FakeServer) -> None:
    server.play(GOOD)
    notebook.run("%load_ext magistral_nb")
    notebook.run(f"%config Magistral.base_url = '{server.base_url}'\n%config Magistral.model = 'm'")
    notebook.run("%%magistral\nfrom a cell")
    notebook.run("%magistral panel")
    state, begin = notebook.panel(), len(notebook.said)
    assert [turn["text"] for turn in state["messages"]] == ["from a cell"]
    notebook.tell("ask", state["panel_id"], text="from the panel")
    notebook.wait(lambda: notebook.told("turn", begin))
    time.sleep(0.2)
    notebook.run("%%magistral -c\nfrom a cell again")
    asked = server.requests[-1].json()["messages"]
    assert [one["content"] for one in asked if one["role"] == "user"] == [
        "from a cell", "from the panel", "from a cell again",
    ]  # fmt: skip
    notebook.wait(lambda: "from a cell again" in str(notebook.told("turns", begin)))  # the panel shows it at once
    before = len(notebook.said)
    notebook.tell("ask", state["panel_id"], text="from the panel again")
    notebook.wait(lambda: notebook.told("turn", before))
    asked = server.requests[-1].json()["messages"]
    assert [one["content"] for one in asked if one["role"] == "user"][2:] == [
        "from a cell again",
        "from the panel again",
    ]
    notebook.run("%config Magistral.base_url = None\n%config Magistral.model = None")


def test_a_planted_key_is_in_no_frame(notebook: Notebook, server: FakeServer) -> None:
    echo = f"Your key is {KEY}, keep it safe. "
    pieces = [{"content": echo[start : start + 5]} for start in range(0, len(echo), 5)]
    server.play(events_of({"reasoning": echo}, *pieces))
    server.play_json({"error": {"message": echo}}, status=401)
    server.play([events_of(*pieces, finish=None), 30.0])
    begin = len(notebook.said)
    notebook.run(f"""
import os
os.environ["MAGISTRAL_API_KEY"] = "{KEY[:10]}" + "{KEY[10:]}"
noisy = ChatPanel(Client(base_url={server.base_url!r}, model="m", max_retries=0,
                         default_headers={{"X-Api-Key": os.environ["MAGISTRAL_API_KEY"]}}))
noisy.show()
""")
    panel = str(notebook.panel()["panel_id"])
    opened_at = len(notebook.said)
    notebook.tell("hello", panel, follow=True)
    for number in range(2):
        before = len(notebook.said)
        notebook.tell("ask", panel, text=f"question {number} with {KEY}")
        notebook.wait(partial(notebook.told, "turn", before))
    third = len(notebook.said)
    notebook.tell("ask", panel, text="to be stopped")
    notebook.wait(lambda: notebook.told("events", third))
    time.sleep(0.5)
    notebook.tell("stop", panel)
    notebook.wait(lambda: len(notebook.told("turn", opened_at)) == 3)
    notebook.tell("set", panel, values={"instructions": f"never say {KEY}", "endpoint": KEY})
    notebook.tell("prompt", panel, text=KEY)
    for form in ("notebook", "markdown", "html", "json"):
        notebook.tell("export", panel, format=form)
    notebook.wait(lambda: len(notebook.told("result", opened_at)) >= 9)
    notebook.run("noisy.close()\ndel os.environ['MAGISTRAL_API_KEY']")
    own = [one for one in notebook.said[begin:] if one["msg_type"] != "execute_input"]  # the cell's code
    frames = json.dumps([[one["content"], one["metadata"]] for one in own], default=str)
    assert "redacted" in frames
    for part in (KEY, KEY[:8], KEY[-8:]):
        assert part not in frames
