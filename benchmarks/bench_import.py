"""What `import magistral_nb` costs in a fresh interpreter, and whether the heavy libraries wait until needed."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

from benchmarks.results import publish, save, table

STATEMENTS = {"bare python": "pass", "import magistral_nb": "import magistral_nb", "import openai": "import openai"}
HEAVY = ("openai", "IPython", "anywidget", "jinja2", "httpx2", "pydantic", "jsonschema", "keyring")


def milliseconds(statement: str) -> float:
    """Return how long a fresh interpreter takes to run the statement, start and end included."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return (time.perf_counter() - started) * 1000


def loaded_by_the_import() -> list[str]:
    """Return the heavy libraries that `import magistral_nb` loads; there should be none."""
    code = f"import sys, magistral_nb; print(*(name for name in {HEAVY} if name in sys.modules))"
    process = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return process.stdout.split()


def main() -> None:
    """Measure in turn, print and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=7)
    repeat = parser.parse_args().repeat
    samples: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    for statement in STATEMENTS.values():
        milliseconds(statement)  # the first run writes .pyc files
    for _ in range(repeat):
        for name, statement in STATEMENTS.items():
            samples[name].append(milliseconds(statement))
    medians = {name: statistics.median(taken) for name, taken in samples.items()}
    bare = medians["bare python"]
    rows = [[name, f"{taken:.0f}", f"{taken - bare:.0f}"] for name, taken in medians.items()]
    loaded = loaded_by_the_import()
    told = f"`import magistral_nb` loaded, of {', '.join(HEAVY)}: {', '.join(loaded) or 'none'}."
    publish("import", f"{table([f'medians of {repeat}', 'ms', 'ms over bare python'], rows)}\n\n{told}")
    save("import", {"median_ms": medians, "samples_ms": samples, "loaded": loaded})


if __name__ == "__main__":
    main()
