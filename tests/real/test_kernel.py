"""A real kernel: live output, one final picture, an interrupt, and the rates that keep a notebook alive."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

from tests.fake_server import FakeServer
from tests.test_client import GOOD, events_of

pytestmark = pytest.mark.real


class Kernel:
    """A kernel that runs cells and remembers every message."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager, self.client = manager, client

    def start(self, code: str) -> str:
        return str(self.client.execute(code))

    def messages(self, cell: str, timeout: float = 60) -> Iterator[dict[str, Any]]:
        """Yield the messages of a cell until it is over; `content["at"]` is when each came, in seconds."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            message = self.client.get_iopub_msg(timeout=timeout)
            if message["parent_header"].get("msg_id") != cell:
                continue
            message["content"]["at"] = time.monotonic()
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return
            yield message

    def run(self, code: str, timeout: float = 60) -> list[dict[str, Any]]:
        return list(self.messages(self.start(code), timeout))


def outputs(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the outputs that a notebook would hold at the end, with updates and clearing applied."""
    kept: list[dict[str, Any]] = []
    clear = False
    for message in messages:
        kind, content = message["msg_type"], message["content"]
        if kind == "clear_output":
            clear = content["wait"]
            kept = kept if clear else []
        elif kind == "update_display_data":
            for output in kept:
                if output.get("transient", {}).get("display_id") == content["transient"]["display_id"]:
                    output["data"] = content["data"]
        elif kind in ("display_data", "execute_result", "stream", "error"):
            kept = [] if clear else kept
            clear = False
            kept.append({"kind": kind, **content})
    return kept


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    manager, client = start_new_kernel(kernel_name="python3", startup_timeout=60)
    assert isinstance(client, BlockingKernelClient)
    kernel = Kernel(manager, client)
    loaded = kernel.run("%load_ext magistral_nb")
    assert outputs(loaded) == []
    yield kernel
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def slowly(body: bytes, pause: float) -> list[bytes | float]:
    script: list[bytes | float] = []
    for event in body.split(b"\n\n"):
        if event:
            script += [event + b"\n\n", pause]
    return script


def cell_for(server: FakeServer, options: str = "") -> str:
    return f"%%magistral --base-url {server.base_url} -m magistral-small {options}\nWhat is two and two?"


def test_it_streams_and_ends_in_one_picture(kernel: Kernel, server: FakeServer) -> None:
    kernel.run("import openai")  # the first request imports it; what is timed here is the streaming
    deltas = [{"reasoning": f"step {n}. "} for n in range(15)] + [{"content": f"word {n} "} for n in range(15)]
    server.play(slowly(events_of(*deltas), 0.1))
    began = time.monotonic()
    messages = kernel.run(cell_for(server, "-o r"))
    drawn = [m for m in messages if m["msg_type"] in ("display_data", "update_display_data")]
    assert len(drawn) >= 8
    assert len(drawn) <= 5 * (time.monotonic() - began) + 4
    first_word = next(m for m in drawn if "step 0" in m["content"]["data"]["text/html"])
    assert first_word["content"]["at"] - began < 1.0
    (final,) = outputs(messages)
    assert "application/vnd.magistral.reply.v1+json" in final["data"]
    assert "word 14" in final["data"]["text/html"]
    (shown,) = outputs(kernel.run("print(_ is r, r.complete, len(Out) > 0, r.answer.count('word'))"))
    assert shown["text"] == "True True True 15\n"


def test_thinking_and_answer_have_displays_of_their_own(kernel: Kernel, server: FakeServer) -> None:
    deltas = [{"reasoning": "T1 "}, {"reasoning": "T2 "}, {"content": "A1 "}, {"content": "A2 "}]
    server.play(slowly(events_of(*deltas), 0.4))
    messages = kernel.run(cell_for(server))
    displays: dict[str, str] = {}
    for message in messages:
        if message["msg_type"] in ("display_data", "update_display_data") and message["content"].get("transient"):
            display_id = message["content"]["transient"].get("display_id")
            if display_id:
                displays[display_id] = message["content"]["data"]["text/html"]
    assert len(displays) == 2
    assert sorted("T2" in html for html in displays.values()) == [False, True]


def test_an_interrupt_keeps_the_text_and_tells_the_server(kernel: Kernel, server: FakeServer) -> None:
    server.play([*slowly(events_of(*({"reasoning": f"step {n}. "} for n in range(10)), finish=None), 0.05), 60.0])
    cell = kernel.start(cell_for(server, "-o r"))
    messages = []
    interrupted_at = 0.0
    for message in kernel.messages(cell):
        messages.append(message)
        data = message["content"].get("data", {})
        if not interrupted_at and "step 9" in str(data.get("text/html")):
            interrupted_at = time.monotonic()
            kernel.manager.interrupt_kernel()
    assert time.monotonic() - interrupted_at < 1.0
    assert server.wait_closed(1.0)
    picture, error = outputs(messages)
    assert "step 9" in picture["data"]["text/html"]
    assert "stopped by you" in picture["data"]["text/plain"]
    assert (error["kind"], len(error["traceback"])) == ("error", 1)
    assert "stopped by you" in error["traceback"][0]
    server.play(GOOD)
    (answer,) = outputs(kernel.run(cell_for(server)))  # the next question works
    assert "Two." in answer["data"]["text/plain"]
    (kept,) = outputs(kernel.run("print(r.finish_reason, r.complete, 'step 9' in r.thinking)"))
    assert kept["text"] == "interrupted False True\n"


def test_an_interrupt_before_the_first_word(kernel: Kernel, server: FakeServer) -> None:
    server.play([60.0])
    cell = kernel.start(cell_for(server))
    assert server.wait_for(lambda: bool(server.requests), 10)
    time.sleep(0.5)
    interrupted_at = time.monotonic()
    kernel.manager.interrupt_kernel()
    kept = outputs(list(kernel.messages(cell)))
    assert time.monotonic() - interrupted_at < 1.0
    assert [output["kind"] for output in kept] == ["error"]
    assert server.wait_closed(1.0)


def test_a_long_fast_reply_stays_far_from_the_servers_limits(kernel: Kernel, server: FakeServer) -> None:
    words = [{"reasoning": f"thought {n} "} for n in range(20_000)] + [{"content": f"word {n} "} for n in range(2_000)]
    server.play(events_of(*words))
    messages = kernel.run(cell_for(server, "-o r"), timeout=120)
    size = sum(len(str(message["content"])) for message in messages)
    assert size < 15_000_000
    assert len(messages) < 200
    (exact,) = outputs(kernel.run("print(len(r.thinking), len(r.answer))"))
    wanted = [sum(len(word[key]) for word in words if key in word) for key in ("reasoning", "content")]
    assert exact["text"].split() == [str(length) for length in wanted]


def test_a_line_keeps_what_the_cell_had_printed(kernel: Kernel, server: FakeServer) -> None:
    server.play(slowly(GOOD, 0.3))
    kept = outputs(kernel.run(f"print('before')\n%magistral ask --base-url {server.base_url} -m magistral-small hi"))
    assert [output["kind"] for output in kept] == ["stream", "display_data"]
    assert "Two." in kept[1]["data"]["text/plain"]


def test_an_error_is_one_line_and_the_partial_is_kept(kernel: Kernel, server: FakeServer) -> None:
    server.play(events_of({"reasoning": "Two"}, {"content": "4"}, finish=None))
    picture, error = outputs(kernel.run(cell_for(server)))
    assert "Two" in picture["data"]["text/plain"]
    assert error["ename"] == "ConnectionLostError"
    assert len(error["traceback"]) == 1


def test_this_is_the_interpreter_of_the_tests(kernel: Kernel) -> None:
    (shown,) = outputs(kernel.run("import sys; print(sys.executable)"))
    assert shown["text"].strip() == sys.executable
