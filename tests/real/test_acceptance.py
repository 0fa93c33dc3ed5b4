"""Acceptance cases that need a real kernel, each as it was stated: see `shared/notes/peers.md`, 2b."""

# mypy: allow-untyped-calls
# (nbformat and nbconvert have no types of their own)

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel
from nbconvert import HTMLExporter, MarkdownExporter

from magistral_nb.notebook.built import is_built
from tests.fake_server import FakeServer
from tests.html_reading import read
from tests.real.run_notebooks import run_notebook
from tests.real.test_kernel import Kernel, cell_for, outputs, slowly
from tests.real.test_live_widget import size
from tests.test_client import GOOD, events_of

pytestmark = pytest.mark.real

USAGE = b'data: {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 30}}\n\n'
FASTER = 10
"""How many times faster A7 goes than on a wall: the server, and the clocks that say when the kernel may speak."""
COMPRESSED = f"""
import time
from magistral_nb.notebook import gathering, live, unfinished, widget_live, worker
worker.WAIT_STEP /= {FASTER}
unfinished.RENEW_AFTER /= {FASTER}
gathering.GATHERER._clock = lambda: {FASTER} * time.monotonic()
"""
EIGHT = """
import time
from magistral_nb import Client, Timeouts
from magistral_nb.notebook.pictures import picture
from magistral_nb.notebook.widget_live import WidgetLive
from magistral_nb.notebook.worker import Asking
(magics,) = [one for one in get_ipython().configurables if type(one).__name__ == "Magistral"]
client = Client(base_url={url!r}, model="magistral-small")
limits = Timeouts.of(None, default=client.endpoint.timeouts)
def live():
    return WidgetLive(magics.control, owns_output=False, show_thinking=True, limits=limits, is_sure=True)
streams = [(Asking(lambda: client.astream("hi"), limits), live()) for _ in range(8)]
while not all(asking._finished.is_set() for asking, _ in streams):
    for asking, view in streams:
        view.look(asking)
    time.sleep(0.05)
for asking, view in streams:
    view.finish(asking.reply, picture(asking.reply, form=None, show_thinking=True))
replies = [asking.reply for asking, _ in streams]
"""


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    manager, client = start_new_kernel(kernel_name="python3", startup_timeout=60)
    assert isinstance(client, BlockingKernelClient)
    kernel = Kernel(manager, client)
    assert outputs(kernel.run("%load_ext magistral_nb\nimport openai")) == []
    yield kernel
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_a4_an_interrupt_while_it_thinks(kernel: Kernel, server: FakeServer) -> None:
    kernel.run("%magistral reset")
    server.play([*slowly(events_of(*({"reasoning": f"t{n}. "} for n in range(20)), finish=None), 0.05), 60.0])
    cell = kernel.start(cell_for(server, "-o r"))
    messages: list[dict[str, Any]] = []
    stopped_at = 0.0
    for message in kernel.messages(cell):
        messages.append(message)
        if not stopped_at and "t19." in str(message["content"].get("data", "")):
            stopped_at = time.monotonic()
            kernel.manager.interrupt_kernel()
    assert time.monotonic() - stopped_at < 1.0
    assert server.wait_closed(1.0)
    picture, error = outputs(messages)
    assert all(f"t{n}." in picture["data"]["text/plain"] for n in range(20))
    assert "stopped by you" in picture["data"]["text/plain"]
    assert len(error["traceback"]) <= 1
    assert "\n" not in error["traceback"][0].strip()

    server.play(GOOD)
    (second,) = outputs(kernel.run(cell_for(server, "-c")))
    assert "4" in second["data"]["text/plain"]
    roles = [message["role"] for message in server.requests[-1].json()["messages"] if message["role"] != "system"]
    assert roles == ["user", "assistant", "user"][-len(roles) :]
    assert roles[-1] == "user"


@pytest.fixture
def widgets(kernel: Kernel) -> Iterator[None]:
    if not is_built():
        pytest.fail("This test needs the page's half: npm --prefix js ci && npm --prefix js run build", pytrace=False)
    kernel.run("%config Magistral.view = 'widget'")
    yield
    kernel.run("%config Magistral.view = 'auto'")


@pytest.mark.usefixtures("widgets")
def test_a7_twenty_two_thousand_tokens_and_eight_streams(kernel: Kernel, server: FakeServer) -> None:
    """110 seconds at 200 tokens a second, in a tenth of the time: as many messages, and the same ones, as on a wall."""
    tokens = [{"reasoning": f"thought {n} "} for n in range(20_000)] + [{"content": f"word {n} "} for n in range(2_000)]
    events = events_of(*tokens).split(b"\n\n")
    script: list[bytes | float] = []
    for begin in range(0, len(events), 20):
        script += [b"\n\n".join(events[begin : begin + 20]) + b"\n\n", 20 / (200 * FASTER)]
    server.play(script)
    names = ("worker.WAIT_STEP", "unfinished.RENEW_AFTER")
    kernel.run(COMPRESSED)
    messages = kernel.run(cell_for(server, "-o r"), timeout=120)
    kernel.run("".join(f"{name} *= {FASTER}\n" for name in names) + "gathering.GATHERER._clock = time.monotonic")
    seconds = (messages[-1]["content"]["at"] - messages[0]["content"]["at"]) * FASTER
    spent = sum(map(size, messages))
    print(f"{len(messages):,} messages and {spent:,} bytes in {seconds:.0f} s: {len(messages) / seconds:.1f} a second")
    assert seconds > 100
    assert len(messages) / seconds < 100
    assert _most_in_a_second(messages, 1 / FASTER) < 100
    assert spent < 15_000_000
    assert spent / seconds < 1_000_000  # the server's own limit
    (exact,) = outputs(
        kernel.run(
            "print(r.thinking == ''.join(f'thought {n} ' for n in range(20_000)), "
            "r.answer == ''.join(f'word {n} ' for n in range(2_000)))"
        )
    )
    assert exact["text"].split() == ["True", "True"]

    eight = [{"reasoning": f"thought {n} "} for n in range(900)] + [{"content": f"word {n} "} for n in range(100)]
    for _ in range(8):
        server.play(slowly(events_of(*eight), 1 / 200))
    messages = kernel.run(EIGHT.format(url=server.base_url), timeout=120)
    assert [m["content"] for m in messages if m["msg_type"] == "error"] == []
    closing = ("update_display_data", "comm_close")  # all eight end in the same moment, and each puts its picture there
    most, spent = (
        _most_in_a_second([m for m in messages if m["msg_type"] not in closing], 1.0),
        sum(map(size, messages)),
    )
    seconds = messages[-1]["content"]["at"] - messages[0]["content"]["at"]
    print(f"eight at once: {len(messages):,} messages in {seconds:.1f} s, at most {most} a second, {spent:,} bytes")
    assert seconds > 5
    assert len(messages) / seconds < 100
    assert most < 100
    assert spent < 15_000_000
    (exact,) = outputs(kernel.run("print([len(r.answer.split()) for r in replies], all(r.complete for r in replies))"))
    assert exact["text"].strip() == f"{[200] * 8} True"


def _most_in_a_second(messages: list[dict[str, Any]], second: float) -> int:
    times: list[float] = [message["header"]["date"].timestamp() for message in messages]
    return max(sum(begin <= at < begin + second for at in times) for begin in times)


def test_a9_a_saved_notebook_is_read_without_a_kernel(server: FakeServer, tmp_path: Path) -> None:
    thought, answer = "Two and two are four.", "It is **four**, since \\(2 + 2 = 4\\)."
    server.play(slowly(events_of({"reasoning": thought}, {"content": answer}), 0.4))
    question = "What is two and two?"
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(s) for s in ("%load_ext magistral_nb", cell_for(server))]
    path = tmp_path / "saved.ipynb"
    nbformat.write(notebook, path)
    nbformat.write(run_notebook(path, tmp_path), path)

    saved = nbformat.read(path, as_version=4)
    nbformat.validate(saved)
    assert saved.metadata.get("widgets") is None
    for cell in saved.cells:  # as GitHub, and whoever strips widgets, would see it
        for output in cell.get("outputs", []):
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
    html = HTMLExporter().from_notebook_node(saved)[0]
    markdown = MarkdownExporter().from_notebook_node(saved)[0]
    page = read(html[html.index('<div class="magistral') :])
    (fold,) = page.all("details")
    assert "open" not in fold.attributes
    for text in (html, markdown):
        assert question in text
        assert thought in text
        assert "four" in text.split(thought)[-1]
    assert "Error" not in markdown


def test_a12_streaming_and_a_typed_result(kernel: Kernel, server: FakeServer) -> None:
    words = events_of(*({"reasoning": f"t{n} "} for n in range(10)), *({"content": f"w{n} "} for n in range(20)))
    body = words.replace(b"data: [DONE]", USAGE + b"data: [DONE]")
    server.play([0.5, *slowly(body, 0.1)])
    messages = kernel.run(cell_for(server, "-o r"))
    first_token = server.requests[-1].received_at + 0.5
    drawn = [m["content"] for m in messages if m["msg_type"] in ("display_data", "update_display_data")]
    first = next(content["at"] for content in drawn if "t0" in str(content["data"]))
    assert first - first_token < 0.5
    assert len(drawn) >= 5
    (told,) = outputs(kernel.run("print(r.thinking.split()[-1], r.answer.split()[-1], r.usage.completion_tokens)"))
    assert told["text"].split() == ["t9", "w19", "30"]

    kernel.run("del r")
    server.play(GOOD)
    assert outputs(kernel.run(cell_for(server, "-q -o r"))) == []
    (told,) = outputs(kernel.run("print(r.thinking, r.answer)"))
    assert told["text"].split() == ["Two.", "4"]
