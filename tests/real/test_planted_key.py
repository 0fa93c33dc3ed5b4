"""A key after a noisy session in a real kernel: it is in nothing that was written, and in nothing that was shown."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel
from nbconvert import HTMLExporter

from tests.fake_server import FakeServer
from tests.real.test_kernel import Kernel, cell_for, outputs
from tests.test_client import events_of

pytestmark = pytest.mark.real

KEY = "zq7Kp2Xw-planted-0123456789-Lm9Rt4Vb"
PARTS = (KEY, KEY[:8], KEY[-8:])


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder for the notebook, and set the key in the environment that the kernel will have."""
    monkeypatch.setenv("MAGISTRAL_API_KEY", KEY)
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def kernel(workplace: Path) -> Iterator[Kernel]:
    manager, client = start_new_kernel(kernel_name="python3", startup_timeout=60, cwd=str(workplace))
    assert isinstance(client, BlockingKernelClient)
    yield Kernel(manager, client)
    client.stop_channels()
    manager.shutdown_kernel(now=True)


class Session:
    """Runs cells as a person does, and remembers what a notebook would save and all that was shown meanwhile."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.cells: list[Any] = []
        self.messages: list[dict[str, Any]] = []

    def run(self, code: str, *, interrupt_at: str | None = None, server: FakeServer | None = None) -> str:
        """Run a cell; return what it showed.

        `interrupt_at` is the text at which the reader stops it; with a server, once it has got the question.
        """
        before = len(server.requests) if server else 0
        messages: list[dict[str, Any]] = []
        for message in self.kernel.messages(self.kernel.start(code)):
            messages.append(message)
            if interrupt_at and interrupt_at in str(
                message["content"].get("data", "") or message["content"].get("text", "")
            ):
                interrupt_at = None
                if server:
                    assert server.wait_for(lambda: len(server.requests) > before, 20)
                    time.sleep(0.3)
                self.kernel.manager.interrupt_kernel()
        self.messages += messages
        kept = outputs(messages)
        self.cells.append(nbformat.v4.new_code_cell(code, outputs=[_output(one) for one in kept]))
        return json.dumps(kept, default=str)

    def save(self, folder: Path) -> None:
        """Write the notebook and its HTML, as the File menu does."""
        notebook = nbformat.v4.new_notebook(cells=self.cells)
        nbformat.write(notebook, folder / "session.ipynb")
        html, _ = HTMLExporter().from_notebook_node(notebook)
        (folder / "session.html").write_text(html, "utf-8")


def _output(kept: dict[str, Any]) -> Any:
    match kept["kind"]:
        case "stream":
            return nbformat.v4.new_output("stream", name=kept["name"], text=kept["text"])
        case "error":
            error = {name: kept[name] for name in ("ename", "evalue", "traceback")}
            return nbformat.v4.new_output("error", **error)
        case kind:
            count = {"execution_count": kept["execution_count"]} if kind == "execute_result" else {}
            return nbformat.v4.new_output(kind, data=kept["data"], metadata=kept.get("metadata", {}), **count)


def pieces(text: str, size: int, field: str = "content") -> list[dict[str, str]]:
    return [{field: text[start : start + size]} for start in range(0, len(text), size)]


ECHO = f"Your key is {KEY}, keep it safe. "
SETUP = """
import logging, os, pickle, json
logging.basicConfig(filename="debug.log", level=logging.DEBUG, force=True)
os.environ["OPENAI_LOG"] = "debug"
%logstart -o -r -t session.log
%xmode Verbose
%load_ext magistral_nb
from magistral_nb import Client
client = Client(base_url=URL, model="m", max_retries=0, default_headers={"X-Api-Key": os.environ["MAGISTRAL_API_KEY"]})
"""
DUMP = """
print(repr(r), r, r.to_dict())
open("reply.pickle", "wb").write(pickle.dumps(r))
json.dump(r.to_dict(), open("reply.json", "w"))
json.dump(r._repr_mimebundle_(), open("bundle.json", "w"))
open("said.txt", "w").write(r.thinking + r.answer + repr(vars(client)) + repr(client.settings))
r
"""
STOP_AT_ONE = """
for event in client.stream("q"):
    if getattr(event, "text", ""):
        print(event)
        1 / 0
"""
NOISE = """
for name in ("asyncio", "openai", "httpx2", "httpcore2"):
    logging.getLogger(name).setLevel(logging.DEBUG)
"""


def make_noise(session: Session, server: FakeServer) -> None:
    """Do what goes wrong in a bad hour; each fault once in a cell of the magic, once in plain Python."""
    session.run(f"URL = {server.base_url!r}{SETUP}{NOISE}")
    for how in (
        {"status": 401},
        {"status": 500},
        {"status": 302, "headers": {"location": f"http://x.invalid/?k={KEY}"}},
    ):
        for cell in (cell_for(server), 'client.chat("What is two and two?")'):
            tries = 3 if "%%" in cell and how["status"] == 500 else 1
            for _ in range(tries):
                server.play_json({"error": {"message": f"Incorrect API key provided: {KEY}"}}, **how)
            assert "Error" in session.run(cell)
    server.play(f"<html><title>Sign in, {KEY}</title>".encode())
    assert "NotAnAPIError" in session.run('client.chat("q")')
    server.play(events_of(*pieces(ECHO, 3, "reasoning"), *pieces(ECHO * 2, 5)))
    assert "&lt;redacted&gt;" in session.run(cell_for(server, "-o r"))
    assert "<redacted>" in session.run(DUMP)
    for cell in (cell_for(server), 'print("go", flush=True); client.chat("q")'):
        server.play([events_of(*pieces("Once upon a time " + KEY[:20], 4), finish=None), 60.0])
        mark = "Once" if "%%" in cell else "go"
        stopped = session.run(cell, interrupt_at=mark, server=server)
        assert "stopped by you" in stopped or "KeyboardInterrupt" in stopped
    for cell in (cell_for(server), 'client.chat("q")'):
        server.play(events_of(*pieces(f"it is {KEY[:30]}", 4), finish=None), end="reset")
        assert "ConnectionLostError" in session.run(cell)
    server.play(events_of(*pieces(ECHO, 5)))
    assert "ZeroDivisionError" in session.run(STOP_AT_ONE)
    for line in ("last-error", "status", "endpoints", "models", "login navigator"):
        session.run(f"%magistral {line}")
    session.run('Client("navigator", apikey=os.environ["MAGISTRAL_API_KEY"])')
    session.run('Client(base_url="http://away.invalid/v1", model="m").chat("q")')
    session.run(
        'Client(base_url=URL.replace("://", "://me:" + os.environ["MAGISTRAL_API_KEY"] + "@"), model="m").chat("q")'
    )


def found_in(folder: Path) -> list[str]:
    """Return the files below a folder in which the key stands, or one of its ends."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [str(path) for path in files if any(part.encode() in path.read_bytes() for part in PARTS)]


def test_a_key_is_nowhere_after_a_noisy_session(kernel: Kernel, server: FakeServer, workplace: Path) -> None:
    session = Session(kernel)
    make_noise(session, server)
    session.save(workplace)
    # The kernel is killed while a reply is on its way; what was kept of it for later is searched too.
    server.play([events_of(*pieces(ECHO * 3 + KEY[:20], 4), finish=None), 60.0])
    for message in kernel.messages(kernel.start(cell_for(server))):
        session.messages.append(message)
        if "keep it safe" in str(message["content"]):
            break
    kernel.manager.shutdown_kernel(now=True)

    assert any(KEY in str(dict(request.headers)) for request in server.requests)
    for name in ("debug.log", "session.log", "session.ipynb", "session.html", "reply.pickle", "reply.json", "said.txt"):
        assert (workplace / name).stat().st_size > 100, name
    assert "Traceback" in (workplace / "session.html").read_text()
    assert "httpcore2" in (workplace / "debug.log").read_text()
    assert found_in(workplace) == []
    assert found_in(Path(os.environ["HOME"])) == []  # settings, history, caches and data are below it
    shown = json.dumps(session.messages, default=str)
    assert [shown[max(0, at - 200) : at + 60] for part in PARTS if (at := shown.find(part)) >= 0] == []
