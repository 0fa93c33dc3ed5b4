"""A real server in a process of its own: found or installed, started on 127.0.0.1, waited for, and ended."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

ROOT = Path(__file__).resolve().parents[2]
ENV_SCRIPT = ROOT / "scripts" / "server_env.py"
MOST_LOG_LINES = 30
_KEPT = ("PATH", "HOME", "TMPDIR", "LANG", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
_NOWHERE = "http://127.0.0.1:9"
"""Nothing listens there: as a proxy, it keeps every other machine out of reach."""


def python_of(name: str) -> Path:
    """Return the Python of a server's own environment; it is installed if it is not there, which takes a minute."""
    command = [sys.executable, str(ENV_SCRIPT), name]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode:
        pytest.fail(f"Run this, once: python scripts/server_env.py {name}\n{finished.stderr[-2000:]}", pytrace=False)
    return Path(finished.stdout.strip())


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(
    command: Sequence[str], *, ready: str, log: Path, env: Mapping[str, str] | None = None, patience: float = 180
) -> Iterator[None]:
    """Run a server until the block ends. It is ready when a GET of the URL `ready` gives 200, in `patience` seconds.

    It sees nothing of this machine's environment but where programs and its home are, and reaches no other machine.
    What it prints goes to `log`.
    """
    surroundings = {name: os.environ[name] for name in _KEPT if name in os.environ}
    surroundings |= {"HTTP_PROXY": _NOWHERE, "HTTPS_PROXY": _NOWHERE, "NO_PROXY": "127.0.0.1,localhost"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=surroundings | dict(env or {}),
        )
        try:
            _wait_until_ready(process, ready, log, patience)
            yield
        finally:
            _end(process)


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path, patience: float) -> None:
    deadline = time.monotonic() + patience
    with httpx2.Client(trust_env=False, timeout=5) as client:
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if client.get(url).status_code == 200:
                    return
            except httpx2.TransportError:
                pass  # it does not listen yet
            time.sleep(0.1)
    state = "is not ready" if process.poll() is None else f"ended with code {process.returncode}"
    lines = log.read_text("utf-8", "replace").splitlines()[-MOST_LOG_LINES:]
    pytest.fail("\n".join([f"The server {state}. Its last words:", *lines]), pytrace=False)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
