"""What a live reply that the page draws puts on the wire, measured on a real kernel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from magistral_nb.notebook.built import is_built
from tests.fake_server import FakeServer
from tests.real.test_kernel import Kernel, cell_for, outputs, slowly
from tests.test_client import GOOD, events_of

pytestmark = pytest.mark.real

TOKENS = 5_000
VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    if not is_built():
        pytest.fail("These tests need the page's half: npm --prefix js ci && npm --prefix js run build", pytrace=False)
    manager, client = start_new_kernel(kernel_name="python3", startup_timeout=60)
    assert isinstance(client, BlockingKernelClient)
    kernel = Kernel(manager, client)
    assert outputs(kernel.run("%load_ext magistral_nb\n%config Magistral.view = 'widget'")) == []
    yield kernel
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def size(message: dict[str, Any]) -> int:
    """Return the bytes of a message on the wire, but for its signature and the frames' own few bytes."""
    parts = (message[part] for part in ("header", "parent_header", "metadata", "content"))
    return sum(len(json.dumps(part, default=str)) for part in parts) + sum(map(len, message["buffers"]))


def live_part(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the messages that draw a live reply: all but the closing picture."""
    return [message for message in messages if message["msg_type"] != "update_display_data"]


def test_five_thousand_tokens(kernel: Kernel, server: FakeServer) -> None:
    server.play(slowly(events_of(*({"content": f"w{n % 10} "} for n in range(5))), 0.05))
    first = kernel.run(cell_for(server))  # the first one brings the bundle
    bundles = [message for message in first if message["buffers"]]
    assert len(bundles) == 1
    deltas = [{"content": f"token{n} "} for n in range(TOKENS)]
    script: list[bytes | float] = []
    events = events_of(*deltas).split(b"\n\n")
    for begin in range(0, len(events), 100):  # as fast as it can be read, over one second or so
        script += [b"\n\n".join(events[begin : begin + 100]) + b"\n\n", 0.02]
    server.play(script)
    messages = kernel.run(cell_for(server, "-o r"))
    (kept,) = outputs(kernel.run("print(len(r.answer), r.complete)"))
    characters, complete = kept["text"].split()
    assert complete == "True"
    live = live_part(messages)
    text = int(characters)
    spent = sum(map(size, live))
    opened = sum(size(m) for m in live if m["msg_type"] == "comm_open")
    told = [m for m in live if m["msg_type"] == "comm_msg" and m["content"]["data"].get("method") == "custom"]
    times = [m["content"]["at"] for m in told]
    most = max(sum(begin <= at < begin + 1 for at in times) for begin in times)
    closing = sum(size(m) for m in messages if m["msg_type"] == "update_display_data")
    seconds = times[-1] - times[0]
    print(f"{text:,} characters in {seconds:.1f} s: live part {spent:,} bytes = {spent / text:.2f} × the text;")
    print(f"comm_open {opened:,} bytes, {len(told)} messages, {len(told) / seconds:.1f} a second, at most {most};")
    print(f"closing picture {closing:,} bytes = {closing / text:.2f} × the text")
    assert spent <= 1.5 * text
    assert opened < 6_000
    assert most <= 21  # twenty, and the last one, which is not held back
    assert closing <= 4 * text


def test_one_display_becomes_the_static_picture(kernel: Kernel, server: FakeServer) -> None:
    server.play(slowly(events_of({"reasoning": "Hm."}, *({"content": f"word{n} "} for n in range(10))), 0.05))
    messages = kernel.run(cell_for(server))
    (shown,) = [m["content"] for m in messages if m["msg_type"] == "display_data"]
    assert set(shown["data"]) == {VIEW, "text/html", "text/plain"}
    assert "%magistral recover" in shown["data"]["text/plain"]
    (final,) = outputs(messages)
    assert VIEW not in final["data"]
    assert "word9" in final["data"]["text/html"]


def test_a_reply_that_comes_at_once_needs_no_widget(kernel: Kernel, server: FakeServer) -> None:
    kernel.run("import openai")
    server.play(GOOD)
    (final,) = outputs(kernel.run(cell_for(server)))
    assert VIEW not in final["data"]
    assert "Two." in final["data"]["text/plain"]


def test_status_tells_the_view(kernel: Kernel) -> None:
    (told,) = outputs(kernel.run("%magistral"))
    assert "view          widget  (%config Magistral.view)" in told["text"]
