"""Record the lessons anew: `make cassettes ENDPOINT=navigator`. What it will cost is said first.

Each notebook in `examples/` that asks a model is run in a kernel, and what it asks is recorded beside it. Cells that
name an endpoint, such as `-e demo`, ask there; all others ask ENDPOINT. A lesson that fails keeps its old cassette.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from magistral_nb.cassettes.format import Recording, to_lines
from magistral_nb.cassettes.places import row_of
from magistral_nb.cassettes.reading import read_cassette
from magistral_nb.choosing import choose_endpoint
from magistral_nb.endpoints import Endpoint
from magistral_nb.errors import MagistralError
from magistral_nb.making_questions import DEFAULT_MAX_TOKENS

LESSONS = Path(__file__).parents[1] / "examples"
LONGEST_CELL = 1800
"""How long one cell may take, in seconds."""
_ASKS = re.compile(r"%%magistral(?!.*--dry-run)|%magistral ask|\.(a?chat|a?stream|map|ask)\(")


def main() -> int:
    """Record what the command line asks for; return 0 if every lesson was recorded."""
    options = _options()
    try:
        row = choose_endpoint(options.endpoint, None).endpoint
    except MagistralError as error:
        sys.exit(str(error))
    lessons = [lesson for lesson in sorted(LESSONS.glob("*.ipynb")) if _questions(lesson)]
    lessons = [lesson for lesson in lessons if not options.only or options.only in lesson.name]
    for lesson in lessons:
        print(f"{lesson.name}: {_cost(lesson, row)}")
    if options.cost_only or not (options.yes or _agreed()):
        return 0
    failed = sum(not _recorded(lesson, options.endpoint) for lesson in lessons)
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("endpoint", help="where to ask what the lessons leave open: a name from `endpoints`")
    parser.add_argument("--only", help="only lessons whose name holds this")
    parser.add_argument("--yes", action="store_true", help="do not ask whether the cost is all right")
    parser.add_argument("--cost-only", action="store_true", help="say what it would cost, and stop")
    return parser.parse_args()


def _agreed() -> bool:
    return sys.stdin.isatty() and input("Record? [y/N] ").strip().lower() in ("y", "yes")


def _cassette(lesson: Path) -> Path:
    return lesson.with_suffix(".jsonl")


def _questions(lesson: Path) -> int:
    """Return how many cells ask a model."""
    cells = nbformat.read(lesson, as_version=4).cells  # type: ignore[no-untyped-call]  # nbformat has no types here
    return sum(cell.cell_type == "code" and bool(_ASKS.search(cell.source)) for cell in cells)


def _cost(lesson: Path, row: Endpoint) -> str:
    """Say what recording will cost, from what it took the last time; no number is made up where that is not known."""
    cassette = _cassette(lesson)
    if not cassette.exists():
        return (
            f"never recorded; {_questions(lesson)} cells ask. {row.name} may write up to {DEFAULT_MAX_TOKENS:,} tokens "
            f"for each question{_price(row, 0, DEFAULT_MAX_TOKENS)}"
        )
    used: dict[str, list[int]] = {}
    rows: dict[str, Endpoint] = {}
    for recording in read_cassette(cassette):
        place = row if recording.place.get("asked") is None else row_of(recording.place)
        prompt, completion = _tokens(recording)
        rows[place.name] = place
        used.setdefault(place.name, []).extend((prompt, completion))
    told = []
    for name, counts in used.items():
        prompt, completion = sum(counts[::2]), sum(counts[1::2])
        told.append(f"about {prompt:,} + {completion:,} tokens at {name}{_price(rows[name], prompt, completion)}")
    return "; ".join(told) or "asks nothing"


def _price(row: Endpoint, prompt: int, completion: int) -> str:
    if row.engine != "http":
        return ", on this machine: free"
    if row.price is None:
        return ", whose price is not known"
    return f", ${row.price.cost(prompt_tokens=prompt, completion_tokens=completion):.4f}"


def _tokens(recording: Recording) -> tuple[int, int]:
    usages: Sequence[Mapping[str, Any]] = [chunk["usage"] for _, chunk in recording.chunks if chunk.get("usage")]
    usage = usages[-1] if usages else {}
    return int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)


def _recorded(lesson: Path, endpoint: str) -> bool:
    """Run a lesson, and keep what it asked if it went well."""
    with tempfile.TemporaryDirectory() as folder:
        tape = Path(folder) / _cassette(lesson).name
        os.environ.update({"MAGISTRAL_CASSETTE": f"record:{tape}", "MAGISTRAL_ENDPOINT": endpoint})
        notebook = nbformat.read(lesson, as_version=4)  # type: ignore[no-untyped-call]  # nor here
        runner = NotebookClient(notebook, timeout=LONGEST_CELL, resources={"metadata": {"path": str(lesson.parent)}})
        try:
            runner.execute()
        except Exception as error:  # whatever a cell raises: the old cassette stays
            print(f"{lesson.name}: not recorded. {error}", file=sys.stderr)
            return False
        recordings = _whole_ones(read_cassette(tape))
        if recordings is None:
            print(f"{lesson.name}: not recorded, since a reply broke off.", file=sys.stderr)
            return False
        _cassette(lesson).write_bytes(b"".join(to_lines(one) for one in recordings))
        models = ", ".join(sorted({one.model for one in recordings}))
        print(f"{lesson.name}: {len(recordings)} replies of {models} in {_cassette(lesson).name}")
    return True


def _whole_ones(recordings: Sequence[Recording]) -> list[Recording] | None:
    """Return the whole replies, or None if one is missing.

    A lesson may stop a reply on purpose, as a budget does. Played from the whole reply, it is stopped again.
    """
    whole = [one for one in recordings if one.complete]
    return whole if {one.key for one in whole} == {one.key for one in recordings} else None


if __name__ == "__main__":
    sys.exit(main())
