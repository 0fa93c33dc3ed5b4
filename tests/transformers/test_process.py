"""What becomes of a process that ends while a model is loading, or in the middle of a reply."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ASK = """
import sys
from magistral_nb import Client
from magistral_nb.events import {event}

stream = Client("transformers", model=sys.argv[1], system=None, temperature=0, max_tokens=50_000).stream("hi")
next(event for event in stream if isinstance(event, {event}))
print("leaving")
"""


@pytest.mark.parametrize("event", ["Waiting", "AnswerDelta"])
def test_python_ends_at_once_and_in_order(endless_folder: Path, event: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ASK.format(event=event), str(endless_folder)],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "leaving\n"), done.stderr
    assert "Traceback" not in done.stderr
