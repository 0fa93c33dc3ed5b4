"""Where the numbers of a run go: the screen, docs/performance.md, and benchmarks/results.json."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from magistral_nb import __version__

RESULTS = Path(__file__).parent / "results.json"
PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
OTHERS = ("chatlas", "litellm")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table, its columns aligned."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in lines
    )


def publish(part: str, text: str, *, page: Path = PAGE) -> None:
    """Print a part's tables, and put them into a page between its two marks."""
    print(f"{text}\n")
    begin, end = f"<!-- {part}: written by make bench -->", f"<!-- end of {part} -->"
    before, _, rest = page.read_text("utf-8").partition(begin)
    _, _, after = rest.partition(end)
    page.write_text(f"{before}{begin}\n{measured_on()}\n\n{text}\n{end}{after}", "utf-8")


def measured_on() -> str:
    """Return a sentence that says when, where and with what the numbers were measured."""
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("openai", "httpx2", *OTHERS) if _has(name)]
    where = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"Measured on {time.strftime('%Y-%m-%d')}: {where}; magistral_nb {__version__}, {', '.join(versions)}."


def _has(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


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
