"""What a cell puts on iopub, read from the kernel's own socket, and what of it a real jupyter_server lets through."""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import httpx2
import websocket
import zmq

FOLDERS = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "XDG_STATE_HOME")
IS_HEAD = 4_000  # a websocket message names its cell and its kind in fewer characters
SILENCE = 5
"""Seconds after the kernel's answer in which all must have come."""
KIND = re.compile(r'"msg_type": ?"(\w+)"')


class Message(NamedTuple):
    """One message of a cell, as it left the kernel."""

    kind: str
    size: int
    """In bytes: all its frames."""
    at: float
    """In seconds."""


class Traffic(NamedTuple):
    """What a cell sent, and how many of its messages jupyter_server did not pass on."""

    messages: list[Message]
    dropped: int


class Notebook:
    """A kernel behind a jupyter_server with its usual limits, and two who listen: at the kernel, and at the server."""

    def __init__(self, url: str, token: str, runtime: Path) -> None:
        head = {"Authorization": f"token {token}"}
        self.kernel = httpx2.post(f"{url}/api/kernels", headers=head, json={"name": "python3"}, timeout=60).json()["id"]
        self._page = websocket.create_connection(
            f"{url.replace('http', 'ws')}/api/kernels/{self.kernel}/channels?session_id=bench", header=head, timeout=60
        )
        self._page.settimeout(1)
        self._answered_at: float | None = None
        info = json.loads((runtime / f"kernel-{self.kernel}.json").read_text("utf-8"))
        self._socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.SUB)
        self._socket.setsockopt(zmq.RCVHWM, 0)
        self._socket.subscribe(b"")
        self._socket.connect(f"tcp://{info['ip']}:{info['iopub_port']}")
        time.sleep(1)

    def run(self, code: str) -> Traffic:
        """Run a cell to its end; raise if it fails."""
        cell = uuid.uuid4().hex
        passed: list[str] = []
        listener = Thread(target=lambda: passed.extend(self._passed(cell)), daemon=True)
        header = {"msg_id": cell, "msg_type": "execute_request", "username": "", "session": "bench", "version": "5.3"}
        content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
        parts = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
        self._answered_at = None
        listener.start()
        self._page.send(json.dumps({"channel": "shell", "buffers": [], **parts}))
        sent = list(self._sent(cell))
        listener.join()
        return Traffic(sent, len(sent) - len(passed))

    def close(self) -> None:
        """Stop listening."""
        self._page.close()
        self._socket.close(0)

    def _sent(self, cell: str) -> Iterator[Message]:
        """Yield what the kernel sends for a cell until it is idle again."""
        while not self._is_silent():
            if not self._socket.poll(1_000):
                continue
            frames = self._socket.recv_multipart()
            head, parent, _, content = frames[frames.index(b"<IDS|MSG>") + 2 :][:4]
            if cell.encode() not in parent:
                continue
            kind = json.loads(head)["msg_type"]
            if kind == "error":
                raise RuntimeError(f"The cell failed: {json.loads(content)['evalue']}")
            yield Message(kind, sum(map(len, frames)), time.monotonic())
            if kind == "status" and b'"idle"' in content:
                return

    def _passed(self, cell: str) -> Iterator[str]:
        """Yield the kinds of the messages that come through the server; what it says of its limits is none of them."""
        while not self._is_silent():
            try:
                data = str(self._page.recv())
            except websocket.WebSocketTimeoutException:
                continue
            found = KIND.search(data)
            kind = found[1] if found and cell in data[:IS_HEAD] else ""
            if kind == "execute_reply":
                self._answered_at = time.monotonic()
            elif kind and not (kind == "stream" and "rate exceeded" in data[:IS_HEAD]):
                yield kind
                if kind == "status" and '"idle"' in data:
                    return

    def _is_silent(self) -> bool:
        """Tell whether the cell is over and nothing more will come: its last word may have been dropped."""
        return self._answered_at is not None and time.monotonic() > self._answered_at + SILENCE


@contextmanager
def jupyter_server(home: Path) -> Iterator[tuple[str, str, Path]]:
    """Run a server with folders of its own; yield its address, its token, and where its kernels are told of."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folders = {name: str(home / name.lower()) for name in FOLDERS}
    token, url = secrets.token_hex(16), f"http://127.0.0.1:{port}"
    flags = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"]
    flags += [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={home}"]
    command = [sys.executable, "-m", "jupyter_server", *flags]
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(command, env=os.environ | folders, stdout=log, stderr=log)
        try:
            _wait_for(url, token)
            yield url, token, Path(folders["JUPYTER_RUNTIME_DIR"])
        finally:
            process.terminate()
            process.wait(30)


def _wait_for(url: str, token: str) -> None:
    for _ in range(300):
        try:
            httpx2.get(f"{url}/api/status", headers={"Authorization": f"token {token}"}).raise_for_status()
            return
        except httpx2.HTTPError:
            time.sleep(0.2)
    raise RuntimeError("jupyter_server did not start")
