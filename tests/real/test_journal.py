"""A kernel that is killed in mid-stream: a new one has the text, at most a second short."""

from __future__ import annotations

import os
import signal
import time

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from tests.fake_server import FakeServer
from tests.real.test_kernel import Kernel, cell_for, outputs
from tests.test_client import events_of

pytestmark = pytest.mark.real

PAUSE = 0.02


def new_kernel() -> Kernel:
    manager, client = start_new_kernel(kernel_name="python3", startup_timeout=60)
    assert isinstance(client, BlockingKernelClient)
    kernel = Kernel(manager, client)
    kernel.run("%load_ext magistral_nb\nimport openai")
    return kernel


@pytest.mark.parametrize("asked_by", ["cell", "program"])
def test_a_killed_kernel_loses_at_most_a_second(server: FakeServer, asked_by: str) -> None:
    words = [f"word{n} " for n in range(400)]
    sent_at: list[float] = []
    server.play([part for word in words for part in (events_of({"content": word}, finish=None), PAUSE)])
    kernel = new_kernel()
    try:
        program = f"import magistral_nb; magistral_nb.Client(base_url={server.base_url!r}, model='m').chat('Two?')"
        kernel.start(cell_for(server) if asked_by == "cell" else program)
        assert server.wait_for(lambda: bool(server.requests), timeout=20)
        began = time.monotonic()
        time.sleep(3)
        provisioner = kernel.manager.provisioner
        assert provisioner is not None
        pid = provisioner.pid  # type: ignore[attr-defined]  # the local provisioner has one
        os.kill(pid, signal.SIGKILL)
        sent_at.append(time.monotonic() - began)
    finally:
        kernel.client.stop_channels()
        kernel.manager.shutdown_kernel(now=True)
    kernel = new_kernel()
    told = "print(len(r.answer.split()), r.answer.split()[-1], r.complete)"
    try:
        shown = outputs(kernel.run(f"r = %magistral recover\n{told}\nr"))
    finally:
        kernel.client.stop_channels()
        kernel.manager.shutdown_kernel(now=True)
    printed = "".join(str(output.get("text", "")) for output in shown)
    count, last, complete = printed.split()[-3:]
    could_be_sent = sent_at[0] / PAUSE
    print(f"asked by a {asked_by}: {count} words of at most {could_be_sent:.0f}, killed after {sent_at[0]:.2f} s")
    assert last == f"word{int(count) - 1}"
    assert complete == "False"
    assert int(count) >= could_be_sent * 0.9 - 1 / PAUSE  # the server itself is a little late; then a second
    assert any("recovered" in str(output.get("data")) or "Recovered" in str(output.get("data")) for output in shown)
