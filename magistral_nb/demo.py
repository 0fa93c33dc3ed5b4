"""`make demo`: the first lesson on the embedded model, through a real kernel, and then in JupyterLab."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from magistral_nb.client import Client
from magistral_nb.errors import ConfigurationError
from magistral_nb.rendering.reply import REPLY_MIME, reply_text

LESSON = "01_first_question.ipynb"
LONGEST_CELL = 600
"""How long one cell may take, in seconds; a slow laptop needs a few."""


def run_demo() -> int:
    """Run the lesson and print its replies. Without a checkout, ask one question in this process instead."""
    lesson = _find_lesson()
    if lesson is None:
        with Client("demo") as client:
            print(reply_text(client.chat("Why is the sky blue?").to_dict()))  # noqa: T201  the command's output
        return 0
    executed = _execute(lesson)
    for question, reply in _replies(executed):
        print(f"\n### {question}\n\n{reply_text(reply)}")  # noqa: T201  the command's output
    folder = Path("build/demo")
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / LESSON
    target.write_text(_written(executed), encoding="utf-8")
    _open(target)
    return 0


def _find_lesson() -> Path | None:
    places = [Path("examples") / LESSON, Path(__file__).parents[1] / "examples" / LESSON]
    return next((place for place in places if place.exists()), None)


def _execute(lesson: Path) -> Any:
    try:
        import nbformat
        from nbclient import NotebookClient
    except ImportError as error:
        raise ConfigurationError(
            "Running a lesson needs a Jupyter kernel.", hint="pip install nbclient ipykernel"
        ) from error
    notebook = nbformat.read(lesson, as_version=4)
    runner = NotebookClient(
        notebook,
        timeout=LONGEST_CELL,
        resources={"metadata": {"path": str(lesson.parent)}},
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
    )
    return runner.execute()


def _written(notebook: Any) -> str:
    import nbformat

    return str(nbformat.writes(notebook))


def _replies(notebook: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return the questions and replies of an executed notebook, in order."""
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            reply = output.get("data", {}).get(REPLY_MIME)
            if reply:
                found.append((cell.source.partition("\n")[2], dict(reply)))
    return found


def _open(notebook: Path) -> None:
    """Open JupyterLab where there is a display, or say how."""
    command = [sys.executable, "-m", "jupyterlab", str(notebook)]
    has_display = sys.platform in ("darwin", "win32") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
    if find_spec("jupyterlab") is None:
        print('\nTo go on in JupyterLab: pip install "magistral_nb[lab]", then')  # noqa: T201  the command's output
    elif has_display and sys.stdin.isatty():
        subprocess.run(command, check=False)  # noqa: S603  our own interpreter and file
        return
    print(f"\nOpen the lesson with:\n  {' '.join(command)}")  # noqa: T201  the command's output
