"""Starts the JupyterLab of an environment, and asks it whether it will load the labextension of magistral_nb."""

from __future__ import annotations

import json
import re
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

PATIENCE = 120  # seconds until JupyterLab answers


def check_list(programs: Path, environment: Mapping[str, str]) -> None:
    """Insist that `jupyter labextension list` says of the labextension that it is enabled and OK."""
    command = [str(programs / "jupyter"), "labextension", "list"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    said = re.sub(r"\x1b\[\d*m", "", done.stdout + done.stderr)
    line = next((line.strip() for line in said.splitlines() if "magistral_nb v" in line), "")
    if "enabled OK (python, magistral_nb)" not in line:
        sys.exit(f"jupyter labextension list does not say that magistral_nb is enabled and OK:\n{said}")
    print(f"jupyter labextension list: {line}")


def check_server(programs: Path, environment: Mapping[str, str], home: Path) -> None:
    """Start JupyterLab, and insist that its page loads the labextension and that each of its files is there."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    flags = [
        "--no-browser",
        "--allow-root",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={home}",
    ]
    log = home / "jupyterlab.log"
    with log.open("wb") as out:
        command = [str(programs / "jupyter-lab"), *flags, f"--IdentityProvider.token={token}"]
        server = subprocess.Popen(command, env=environment, cwd=home, stdout=out, stderr=subprocess.STDOUT)
    try:
        page = _wait(f"http://127.0.0.1:{port}/lab?token={token}", server, log)
        config = re.search(r'<script id="jupyter-config-data"[^>]*>(.*?)</script>', page, re.DOTALL)
        loaded = json.loads(config.group(1) if config else "{}").get("federated_extensions", [])
        entry = next((one["load"] for one in loaded if one["name"] == "magistral_nb"), None)
        if entry is None:
            sys.exit(f"JupyterLab's page does not load magistral_nb, but {[one['name'] for one in loaded]}")
        code = _get(f"http://127.0.0.1:{port}/lab/extensions/magistral_nb/{entry}?token={token}")
        print(f"JupyterLab serves the labextension: {entry}, {len(code):,} bytes")
    finally:
        _end(server)


def _end(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait(5)


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        try:
            return _get(url)
        except OSError:
            time.sleep(0.2)
    sys.exit(f"JupyterLab did not start:\n{log.read_text('utf-8')[-3000:]}")


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        text: str = answer.read().decode("utf-8")
    return text
