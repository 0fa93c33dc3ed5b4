"""A panel without a page: what it says is caught, and put together as a page does."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from comm.base_comm import BaseComm
from ipywidgets.widgets.widget import _instances

from magistral_nb import ChatPanel, Reply, events
from magistral_nb.notebook.worker import _loop
from tests.fake_server import FakeServer
from tests.test_client import client_for

Data = dict[str, Any]
_KINDS = {kind.type: kind for kind in vars(events).values() if isinstance(kind, type) and hasattr(kind, "type")}


class Caught(BaseComm):
    """A comm that goes nowhere; `said` is all that was ever sent on one, with the time and its id."""

    said: ClassVar[list[tuple[float, str, Data, str]]] = []

    def publish_msg(self, msg_type: str, data: Any = None, *_: Any, **__: Any) -> None:
        said = json.loads(json.dumps(data or {}, default=repr))
        Caught.said.append((time.monotonic(), msg_type, said, self.comm_id))


class Page:
    """Hears a panel from its state on, as `js/README.md` says, and asks for things."""

    def __init__(self, panel: ChatPanel) -> None:
        self.panel = panel
        state = panel.get_state()
        self.turns: list[Data] = json.loads(json.dumps(state["messages"]))
        self.live: Data | None = state["live"]
        self.reply = Reply.from_dict(self.live["reply"]) if self.live else Reply()
        self.seen = self.live["seen"] if self.live else 0
        self.results: dict[str, Data] = {}
        self._comm = panel.comm.comm_id
        self._heard = len(Caught.said)
        self._marks = 0

    def op(self, kind: str, **more: Any) -> Data:
        """Send a message on both ways, and return its answer."""
        self._marks += 1
        message = {"type": kind, "id": self.panel.panel_id, "op": f"mark{self._marks}", **more}
        hear: Callable[[Any], object] = self.panel._ops.hear
        hear(message)
        hear(dict(message))
        if kind in ("hello", "whole", "stop"):
            return {}
        found: Data = self.wait(lambda: self.results.get(message["op"]))
        return found

    def wait(self, found: Callable[[], Any], timeout: float = 30.0) -> Any:
        """Hear until something is found."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self.hear()
            if value := found():
                return value
            threading.Event().wait(0.005)
        raise AssertionError("it did not come")

    def is_over(self) -> bool:
        return not self.panel.busy

    def settle(self) -> list[Data]:
        """Hear until the panel is idle; return the turns as the page has them, which the state must confirm."""
        self.wait(self.is_over)
        self.hear()
        kept = json.loads(json.dumps(self.panel.desk.snapshot()[0]))
        assert self.turns == kept, [(a, b) for a, b in zip(self.turns, kept, strict=False) if a != b]
        return self.turns

    def hear(self) -> None:
        new, self._heard = Caught.said[self._heard :], len(Caught.said)
        for _, _, data, comm in new:
            message = (data.get("content") or {}) if comm == self._comm else {}
            match message.get("type"):
                case "live":
                    self.live, self.seen = message, message["seen"]
                    self.reply = Reply.from_dict(message["reply"]) if message["reply"] else Reply()
                    del self.turns[message["index"] :]
                case "events" if self.live and message["reply_id"] == self.live["reply_id"]:
                    assert message["seq"] == self.seen
                    self.seen += len(message["events"])
                    for event in message["events"]:
                        more = {name: value for name, value in event.items() if name != "type"}
                        self.reply.add(_KINDS[event["type"]](**more))
                case "turn":
                    self._take_turn(message)
                case "turns":
                    self.turns[message["from"] :] = message["turns"]
                    if self.live and self.live["reply_id"] != message["live"]:
                        self.live = None
                case "result":
                    self.results[message["op"]] = message

    def _take_turn(self, message: Data) -> None:
        turn = message["turn"]
        if turn["reply"] is None:
            assert message["seq"] == self.seen
            turn["reply"] = json.loads(json.dumps(self.reply.to_dict()))
        self.turns[message["index"] :] = [turn]
        self.live = None


@pytest.fixture(autouse=True)
def caught(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Catch what panels say, and close all of them at the end."""
    monkeypatch.setattr("comm.create_comm", lambda *given, **named: Caught(*given, **named))
    monkeypatch.setattr(Caught, "said", [])
    yield
    for widget in list(_instances.values()):
        if isinstance(widget, ChatPanel):
            widget.close()
            for client in widget.desk.wishes.clients:
                asyncio.run_coroutine_threadsafe(client.aclose(), _loop()).result(5)


@pytest.fixture
def panel(server: FakeServer) -> Iterator[ChatPanel]:
    panel = ChatPanel(client_for(server))
    yield panel
    panel.close()
