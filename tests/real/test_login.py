"""A key that is typed into a real kernel: it reaches the keyring, and no output."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient

from tests.real.test_kernel import Kernel

pytestmark = pytest.mark.real

KEY = "zq7Kp2Xw-typed-0123456789-Lm9Rt4Vb"
RING = """
import json, os
from pathlib import Path
from keyring.backend import KeyringBackend

PLACE = Path(os.environ["RING_FILE"])

class Ring(KeyringBackend):
    priority = 1
    name = "keyring of the test"

    def get_password(self, service, username):
        return json.loads(PLACE.read_text()).get(f"{service}/{username}") if PLACE.exists() else None

    def set_password(self, service, username, password):
        PLACE.write_text(json.dumps({f"{service}/{username}": password}))

    def delete_password(self, service, username):
        PLACE.unlink()
"""


@pytest.fixture(autouse=True)
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every kernel a keyring in a file; return the file."""
    (tmp_path / "ring_in_file.py").write_text(RING)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")])))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "ring_in_file.Ring")
    monkeypatch.setenv("RING_FILE", str(tmp_path / "kept.json"))
    return tmp_path / "kept.json"


@pytest.fixture
def kernel(ring: Path) -> Iterator[Kernel]:
    manager, client = start_new_kernel(kernel_name="python3", startup_timeout=60)
    assert isinstance(client, BlockingKernelClient)
    yield Kernel(manager, client)
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def run_and_type(kernel: Kernel, code: str, typed: str) -> tuple[dict[str, Any], list[dict[str, Any]], list[str]]:
    """Run a cell and type when it asks; return the kernel's answer, all that it showed, and what it asked."""
    shown: list[dict[str, Any]] = []
    asked: list[str] = []

    def answer(message: dict[str, Any]) -> None:
        assert message["content"]["password"]
        asked.append(message["content"]["prompt"])
        kernel.client.input(typed)

    reply = kernel.client.execute_interactive(
        code, allow_stdin=True, stdin_hook=answer, output_hook=shown.append, timeout=60
    )
    return reply, shown, asked


def test_a_typed_key_is_kept_and_used_and_in_no_output(kernel: Kernel, ring: Path) -> None:
    _, before, _ = run_and_type(kernel, "%load_ext magistral_nb\n%xmode Verbose", KEY)
    reply, shown, asked = run_and_type(kernel, "%magistral login navigator", f"{KEY}\n")
    assert reply["content"]["status"] == "ok"
    assert asked == [prompt for prompt in asked if prompt.startswith("Key for navigator")]
    assert len(asked) == 1
    assert json.loads(ring.read_text()) == {"magistral_nb/navigator": KEY}
    told = [
        run_and_type(kernel, code, "")[1]
        for code in ("%magistral use navigator", "%magistral status", "%magistral last-error", "%history -o", "In, Out")
    ]
    everything = json.dumps([before, shown, told, reply], default=str)
    assert "from the keyring" in everything
    assert not [part for part in (KEY, KEY[:8], KEY[-8:]) if part in everything]
    _, shown, _ = run_and_type(kernel, "%magistral logout navigator", "")
    assert "no longer in the keyring" in json.dumps(shown, default=str)
    assert not ring.exists()


def test_what_is_no_key_is_shown_by_no_traceback(kernel: Kernel, ring: Path) -> None:
    run_and_type(kernel, "%load_ext magistral_nb\n%xmode Verbose", "")
    reply, shown, _ = run_and_type(kernel, "%magistral login navigator", f"{KEY}\u00e9")
    assert reply["content"]["ename"] == "ConfigurationError"
    assert not [part for part in (KEY, KEY[:8], KEY[-8:]) if part in json.dumps([reply, shown], default=str)]
    assert not ring.exists()


def test_a_notebook_without_a_person_says_what_to_do() -> None:
    cells = [nbformat.v4.new_code_cell(code) for code in ("%load_ext magistral_nb", "%magistral login navigator")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, kernel_name="python3", allow_errors=True, timeout=60).execute()
    (error,) = notebook.cells[1].outputs
    assert error["ename"] == "ConfigurationError"
    assert "without a person" in error["evalue"]
    assert "python -m magistral_nb login" in error["evalue"]
