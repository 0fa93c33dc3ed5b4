"""A real mlx_lm.server with the embedded model, on any processor: a second engine, with a wire of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from magistral_nb.transports.demo_model import locate
from tests.real.server_process import ROOT, free_port, python_of, running

MODEL_FOLDER = ROOT / "build" / "mlx-smollm2"


@contextmanager
def mlx_server(folder: Path) -> Iterator[str]:
    """Convert the model, serve it, and yield the base URL; `folder` is for the server's files."""
    python = python_of("mlx")
    _convert(python)
    port = free_port()
    (folder / "hub").mkdir()
    env = {
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_CACHE": str(folder / "hub"),  # without the folder it cannot list its models
        "MLX_DISABLE_COMPILE": "1",  # else it looks for a C++ compiler
    }
    command = [
        str(python),
        "-m",
        "mlx_lm.server",
        "--model",
        str(MODEL_FOLDER),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    address = f"http://127.0.0.1:{port}"
    with running(command, ready=f"{address}/health", log=folder / "mlx.log", env=env):
        yield f"{address}/v1"


def _convert(python: Path) -> None:
    script = ROOT / "scripts" / "mlx_model.py"
    finished = subprocess.run([python, script, locate(), MODEL_FOLDER], capture_output=True, text=True, check=False)
    if finished.returncode:
        pytest.fail(f"{script.name} could not convert the model:\n{finished.stderr[-2000:]}", pytrace=False)
