"""Every Python block of the README and of the quick start runs as it stands, on the embedded model."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = [
    pytest.param(code, id=f"{page}-{number}")
    for page in ("README.md", "docs/quickstart.md", "docs/reliability.md", "docs/cost.md", "docs/structured-output.md")
    for number, code in enumerate(BLOCK.findall((ROOT / page).read_text("utf-8")), 1)
]


def test_the_pages_hold_code() -> None:
    assert len(BLOCKS) >= 4


@pytest.mark.parametrize("code", BLOCKS)
def test_the_block_runs_and_prints(code: str, tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip()
    assert run.stderr == ""
