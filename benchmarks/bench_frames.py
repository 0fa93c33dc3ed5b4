"""Frames while a reply grows in Chromium: this package's view beside rendering the whole text at every message.

The measuring is `js/bench/run.mjs`, which needs Node and Chromium; here its numbers become a table and a picture.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import plots
from benchmarks.results import publish, save, table

JS = Path(__file__).parents[1] / "js"
TEXTS = {
    "empty": "160 KB from empty at 16,000 characters a second",
    "tail": "the end of 150 KB at 800 characters a second",
    "list": "one list of 40 KB",
    "formulas": "one paragraph of 40 KB with 700 formulas",
    "fence": "one code block of 40 KB",
}
WAYS = {"whole": "whole text again", "ours": "magistral_nb"}
NUMBERS = {
    "dropped": "frames dropped",
    "longestTask": "longest task, ms",
    "longestCpu": "its CPU, ms",
    "atEnd": "longest task at the end, ms",
}


def measure(texts: Sequence[str], runs: int) -> tuple[dict[str, Any], int]:
    """Run the measuring; return its numbers, and its exit status: not 0 if a last picture was wrong."""
    with tempfile.TemporaryDirectory() as home:
        found = Path(home) / "frames.json"
        flags = [f"--json={found}", *([f"--runs={runs}"] if runs else [])]
        environment = {"CHROMIUM": os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"}
        command = ["npm", "run", "bench", "--", *texts, *flags]
        status = subprocess.run(command, cwd=JS, env=os.environ | environment, check=False).returncode
        return json.loads(found.read_text("utf-8")), status


def rows(measured: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return the lines of the table: for each text both ways, and how they compare."""
    lines: list[list[str]] = []
    for what in dict.fromkeys(one["what"] for one in measured):
        both = {one["way"]: one for one in measured if one["what"] == what}
        for way, name in WAYS.items():
            lines.append([TEXTS[what], name, *(f"{both[way][key]:,.0f}" for key in NUMBERS)])
        lines.append(["", "ratio", *(ratio(both["whole"][key], both["ours"][key]) for key in NUMBERS)])
    return lines


def ratio(whole: float, ours: float) -> str:
    """Return how many times less it is with this package."""
    return f"{whole / ours:.1f} x" if ours else "none at all"


def main() -> None:
    """Read the command line, measure, publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("texts", nargs="*", metavar="TEXT", help=" ".join(TEXTS))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--from", dest="read", type=Path, nargs="+", help="publish numbers that were measured before")
    arguments = parser.parse_args()
    if arguments.read:
        parts = [json.loads(path.read_text("utf-8")) for path in arguments.read]
        numbers, status = {**parts[0], "rows": [row for part in parts for row in part["rows"]]}, 0
    else:
        numbers, status = measure(arguments.texts or list(TEXTS), arguments.runs)
    head = ["text", "way", *NUMBERS.values()]
    load = f"Chromium {numbers['browser']}; medians of {arguments.runs}."
    publish("frames", f"{load}\n\n{table(head, rows(numbers['rows']))}")
    save("frames", numbers)
    plots.frames(numbers["rows"])
    sys.exit(status)


if __name__ == "__main__":
    main()
