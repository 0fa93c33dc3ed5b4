"""Where the numbers of a run go: a Markdown table on the screen, and benchmarks/results.json."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from magistral_nb import __version__

RESULTS = Path(__file__).parent / "results.json"


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table, its columns aligned."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    for row in [head, ["-" * width for width in widths], *rows]:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")
    print()


def save(part: str, numbers: Mapping[str, object]) -> None:
    """Put the numbers of one part into the results, beside those of the other."""
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results[part] = {
        "when": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "magistral_nb": __version__,
        "openai": importlib.metadata.version("openai"),
        "httpx2": importlib.metadata.version("httpx2"),
        **numbers,
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
