"""A real kernel with chat panels in it, and all that it ever says."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from magistral_nb.notebook.built import is_built
from magistral_nb.notebook.control import TARGET
from tests.fake_server import FakeServer
from tests.real.test_kernel import slowly
from tests.test_client import events_of

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
