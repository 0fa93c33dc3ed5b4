"""The first lesson, run by a real kernel on the embedded model: what a newcomer sees after `make demo`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from magistral_nb import Reply
from magistral_nb.rendering.reply import REPLY_MIME

pytestmark = pytest.mark.real
LESSON = Path(__file__).parents[2] / "examples" / "01_first_question.ipynb"


def execute(folder: Path) -> Any:
    notebook = nbformat.read(LESSON, as_version=4)  # type: ignore[no-untyped-call]  # nbformat has no types here
    return NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()


def replies(notebook: Any) -> list[Reply]:
    found = [output.get("data", {}).get(REPLY_MIME) for cell in notebook.cells for output in cell.get("outputs", [])]
    return [Reply.from_dict(data) for data in found if data]


def test_two_questions_two_thoughts(tmp_path: Path) -> None:
    notebook = execute(tmp_path)
    first, second = replies(notebook)
    for reply in (first, second):
        assert reply.complete
        assert len(reply.thinking.split()) > 5
        assert len(reply.answer.split()) > 2
        assert "THINK" not in reply.thinking + reply.answer
        assert [notice.code for notice in reply.notices] == ["demonstration"]
        assert reply.usage
        assert reply.usage.completion_tokens > 10
    assert first.thinking != second.thinking
    assert "widgets" not in notebook.metadata
    for cell in notebook.cells:
        pictures = [output for output in cell.get("outputs", []) if REPLY_MIME in output.get("data", {})]
        assert len(pictures) <= 1
        for picture in pictures:
            assert {"text/html", "text/plain"} <= set(picture.data)
            assert "demonstration model" in picture.data["text/html"]


def test_without_the_model_the_lesson_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAGISTRAL_DEMO_MODEL", str(tmp_path / "nothing.gguf"))
    with pytest.raises(CellExecutionError, match=r"MAGISTRAL_DEMO_MODEL|demo --install"):
        execute(tmp_path)


ASK_AND_LOOK = """
import os, subprocess
from magistral_nb import Client
with Client("demo") as client:
    reply = client.chat("Why is the sky blue?", seed=1, max_tokens=120)
    listening = subprocess.run(["ss", "-ltnp"], capture_output=True, text=True, check=True).stdout
    print("asked", bool(reply.thinking), f"pid={os.getpid()}," in listening)
"""


def test_a_process_that_asked_the_embedded_model_opens_no_tcp_port() -> None:
    run = subprocess.run([sys.executable, "-c", ASK_AND_LOOK], capture_output=True, text=True, check=True)
    assert run.stdout == "asked True False\n"
    assert run.stderr == ""


def test_make_demo_prints_the_replies(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "magistral_nb", "demo"]
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.count("Thought for") == 2
    assert "### Why is the sky blue?" in run.stdout
    assert "jupyterlab" in run.stdout
    executed = nbformat.read(tmp_path / "build/demo" / LESSON.name, as_version=4)  # type: ignore[no-untyped-call]  # nor here
    assert len(replies(executed)) == 2
