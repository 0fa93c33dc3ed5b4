"""What a live reply that the page draws puts on the wire, measured on a real kernel."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from magistral_nb.notebook.built import is_built
from magistral_nb.notebook.control import TARGET
from magistral_nb.rendering.reply import REPLY_MIME
from tests.fake_server import FakeServer
from tests.real.test_kernel import Kernel, cell_for, outputs, slowly
from tests.test_client import GOOD, events_of

pytestmark = pytest.mark.real

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
    return [message for message in messages if message is not closing_picture(messages)]


def closing_picture(messages: list[dict[str, Any]]) -> dict[str, Any]:
    drawn = [m for m in messages if m["msg_type"] in ("display_data", "update_display_data")]
    return next(m for m in reversed(drawn) if REPLY_MIME in m["content"]["data"])


@pytest.mark.parametrize("tokens", [5_000, 40_000])
def test_a_long_reply_at_full_speed(tokens: int, kernel: Kernel, server: FakeServer) -> None:
    server.play(slowly(events_of(*({"content": f"w{n % 10} "} for n in range(5))), 0.05))
    first = kernel.run(cell_for(server))  # the first one brings the bundle
    bundles = [message for message in first if message["buffers"]]
    assert len(bundles) <= 1
    deltas = [{"content": f"token{n} "} for n in range(tokens)]
    script: list[bytes | float] = []
    events = events_of(*deltas).split(b"\n\n")
    for begin in range(0, len(events), 100):  # as fast as it can be read, over one second or so
        script += [b"\n\n".join(events[begin : begin + 100]) + b"\n\n", 0.02]
    server.play(script)
    messages = kernel.run(cell_for(server, "-o r"), timeout=120)
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
    closing = size(closing_picture(messages))
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
    assert set(shown["data"]) == {VIEW, REPLY_MIME, "text/html", "text/plain"}
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


def ask(kernel: Kernel, **question: str) -> Any:
    """Ask on the control channel, as the labextension does."""
    content = {"target_name": TARGET, **({"magistral_nb": question} if question else {})}
    kernel.client.control_channel.send(kernel.client.session.msg("comm_info_request", content))
    return kernel.client.get_control_msg(timeout=5)["content"]


def test_a_page_that_follows_is_answered_while_the_cell_runs_and_later(kernel: Kernel, server: FakeServer) -> None:
    server.play(slowly(events_of(*({"content": f"word{n} ".ljust(100, ".")} for n in range(70))), 0.1))
    cell = kernel.start(cell_for(server))
    drawn, reply_id, answer = [], "", None
    for message in kernel.messages(cell):
        if message["msg_type"] in ("display_data", "update_display_data"):
            drawn.append(message)
            reply_id = message["content"]["metadata"][REPLY_MIME]["id"]
        elif len(drawn) == 1 and "word9" in json.dumps(message["content"]) and answer is None:
            asked_at = time.monotonic()
            answer = ask(kernel, type="follow", id=reply_id)
            print(f"answered after {1000 * (time.monotonic() - asked_at):.0f} ms")
    assert answer is not None
    assert answer["magistral_nb"]["live"] is True
    assert "word8" in answer["magistral_nb"]["reply"]["answer"]
    _, renewed, _ = drawn
    print(f"renewed with {size(renewed):,} bytes")
    assert size(renewed) < 6_000
    assert set(renewed["content"]["data"]) == {REPLY_MIME, "text/plain"}
    kept = renewed["content"]["data"]["text/plain"]
    assert kept.startswith("… ")
    assert kept.endswith("unfinished: `%magistral recover` shows all that has arrived")
    later = ask(kernel, type="follow", id=reply_id)["magistral_nb"]
    assert later["live"] is False
    assert "word69" in later["picture"]["text/html"]
    assert ask(kernel, type="follow", id="another")["magistral_nb"] is None
    others = ask(kernel)
    assert others["status"] == "ok"
    assert "magistral_nb" not in others


def test_unloading_closes_what_was_opened_and_answers_no_more(kernel: Kernel) -> None:
    closed = kernel.run("%unload_ext magistral_nb")
    assert sum(message["msg_type"] == "comm_close" for message in closed) > 1
    (left,) = outputs(kernel.run("import comm; print([c.target_name for c in comm.get_comm_manager().comms.values()])"))
    assert left["text"] == "[]\n"
    assert "magistral_nb" not in ask(kernel, type="follow", id="r")
    assert outputs(kernel.run("%load_ext magistral_nb\n%config Magistral.view = 'widget'")) == []
