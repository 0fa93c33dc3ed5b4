"""The chat panel in a real kernel: it goes on while cells run, and what it puts on the wire."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from magistral_nb.notebook.built import is_built
from magistral_nb.notebook.control import TARGET
from magistral_nb.panel.transcript import PANEL_MIME, WIDGET_MIME
from tests.fake_server import FakeServer
from tests.real.test_kernel import slowly
from tests.real.test_live_widget import size
from tests.test_client import GOOD, events_of

pytestmark = pytest.mark.real

KEY = "zq7Kp2Xw-planted-0123456789-Lm9Rt4Vb"
Data = dict[str, Any]


class Notebook:
    """A kernel and all that it ever said, with the time of each message, heard in a thread of its own."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self.client = client
        self.said: list[Data] = []
        self._is_over = False
        self._thread = threading.Thread(target=self._hear, daemon=True)
        self._thread.start()
        self._subshell: str | None = None
        self._control: str | None = None

    def run(self, code: str, timeout: float = 60) -> str:
        """Run a cell; return what it printed and what went wrong."""
        cell = self.start(code)
        self.wait(lambda: self.is_done(cell), timeout)
        mine = [one for one in self.said if one["parent_header"].get("msg_id") == cell]
        errors = [one["content"]["evalue"] for one in mine if one["msg_type"] == "error"]
        assert not errors, errors
        return "".join(one["content"]["text"] for one in mine if one["msg_type"] == "stream")

    def start(self, code: str) -> str:
        return str(self.client.execute(code))

    def is_done(self, cell: str) -> bool:
        return any(
            one["msg_type"] == "status"
            and one["content"]["execution_state"] == "idle"
            and one["parent_header"].get("msg_id") == cell
            for one in self.said
        )

    def wait(self, found: Callable[[], Any], timeout: float = 20) -> Any:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if value := found():
                return value
            time.sleep(0.01)
        raise AssertionError("it did not come")

    def tell(self, kind: str, panel: str, **more: Any) -> None:
        """Say something to a panel on the control comm, as JupyterLab does: in a subshell."""
        if self._subshell is None:
            request = self.client.session.msg("create_subshell_request", {})
            self.client.control_channel.send(request)
            reply = self.client.get_control_msg(timeout=10)
            self._subshell = reply["content"]["subshell_id"]
            self._control = uuid4().hex
            self._send("comm_open", {"comm_id": self._control, "target_name": TARGET, "data": {}})
        data = {"type": kind, "id": panel, "op": uuid4().hex, **more}
        self._send("comm_msg", {"comm_id": self._control, "data": data})

    def ask_now(self, question: Data) -> Data:
        """Ask on the control channel, which answers at once."""
        self.client.control_channel.send(self.client.session.msg("comm_info_request", {"magistral_nb": question}))
        answer: Data = self.client.get_control_msg(timeout=5)["content"]["magistral_nb"]
        return answer

    def panel(self) -> Data:
        """Return the state of the panel that was opened last."""
        opened = [one["content"]["data"]["state"] for one in self.said if one["msg_type"] == "comm_open"]
        state: Data = [one for one in opened if one.get("kind") == "panel"][-1]
        return state

    def told(self, kind: str, begin: int = 0) -> list[Data]:
        """Return what panels told of one kind."""
        return [
            one
            for one in self.said[begin:]
            if one["msg_type"] == "comm_msg" and (one["content"]["data"].get("content") or {}).get("type") == kind
        ]

    def close(self) -> None:
        self._is_over = True
        self._thread.join()

    def _send(self, kind: str, content: Data) -> None:
        message = self.client.session.msg(kind, content)
        message["header"]["subshell_id"] = self._subshell
        self.client.shell_channel.send(message)

    def _hear(self) -> None:
        while not self._is_over:
            try:
                message = self.client.get_iopub_msg(timeout=0.1)
            except queue.Empty:
                continue
            message["at"] = time.monotonic()
            self.said.append(message)


@pytest.fixture(scope="module")
def notebook() -> Iterator[Notebook]:
    if not is_built():
        pytest.fail("These tests need the page's half: npm --prefix js ci && npm --prefix js run build", pytrace=False)
    manager, client = start_new_kernel(kernel_name="python3", startup_timeout=60)
    assert isinstance(client, BlockingKernelClient)
    notebook = Notebook(client)
    notebook.run("from magistral_nb import Client, ChatPanel\nimport openai, time")
    yield notebook
    notebook.close()
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def opened(notebook: Notebook, server: FakeServer, name: str = "panel") -> str:
    """Open a panel in a cell, and return its id."""
    notebook.run(f"{name} = ChatPanel(Client(base_url={server.base_url!r}, model='m', max_retries=0))\n{name}.show()")
    return str(notebook.panel()["panel_id"])


def words(seconds: float) -> list[bytes | float]:
    return slowly(events_of(*({"content": f"word{n} "} for n in range(int(seconds * 10)))), 0.1)


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

    for number, name in enumerate(("panel", "b")):
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
