"""Notebooks are run by a real kernel, one that has an engine and a network or one that has neither."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTHING = """
import os, sys

for name in ("xllamacpp", "openai", "httpx2", "torch", "transformers"):
    sys.modules[name] = None

def guard(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        with open({log!r}, "a") as log:
            log.write(f"{{event}} {{arguments}}\\n")
        raise PermissionError(event)

sys.addaudithook(guard)
open({log!r} + ".not", "w").close()
"""


def with_nothing(folder: Path, tape: Path) -> dict[str, str]:
    """Return an environment with a cassette and with no engine, no model, no key and no network.

    `tried(folder)` then says what was tried all the same.
    """
    (folder / "sitecustomize.py").write_text(NOTHING.format(log=str(folder / "tried")))
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "IPYTHONDIR", "LANG")}
    nothing = {"MAGISTRAL_DEMO_MODEL": str(folder / "nothing.gguf"), "MAGISTRAL_CASSETTE": str(tape)}
    return {**kept, **nothing, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}


def tried(folder: Path) -> str:
    """Return what a kernel in an environment with nothing tried to reach; "" for a good one."""
    assert (folder / "tried.not").exists(), "the guard was not there"
    log = folder / "tried"
    return log.read_text() if log.exists() else ""


def run_notebook(notebook: Path, folder: Path, *, environment: dict[str, str] | None = None, times: int = 1) -> Any:
    """Run all cells of a notebook so many times in one kernel, and return the notebook with what they show."""
    content = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]  # nbformat has no types here
    content.cells = [copy.deepcopy(cell) for _ in range(times) for cell in content.cells]
    runner = NotebookClient(content, timeout=300, resources={"metadata": {"path": str(folder)}})
    return runner.execute(**({"env": environment} if environment else {}))


def outputs(notebook: Path, *, times: int = 1) -> list[Any]:
    """Run a notebook in its folder, and return what each cell shows."""
    return [shown(cell) for cell in run_notebook(notebook, notebook.parent, times=times).cells]


def shown(cell: Any) -> list[Any]:
    """Return what a cell shows; what is printed comes in pieces as the kernel finds time, and is joined."""
    joined: list[Any] = []
    for one in cell.get("outputs", []):
        if joined and one["output_type"] == "stream" and joined[-1].get("name") == one["name"]:
            joined[-1]["text"] += one["text"]
        else:
            joined.append(dict(one))
    return joined


def uncounted(output: Any) -> dict[str, Any]:
    """Return an output without the number of its cell."""
    return {name: value for name, value in output.items() if name != "execution_count"}
