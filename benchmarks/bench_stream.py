"""What a client costs: CPU for each chunk of a long reply, and the time to the first token of a short one.

Each sample is a fresh process, and the contenders take turns, so that a busy moment of the machine hits all alike.
Compare the ratios to the floor of the same run, never microseconds between runs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from typing import TypedDict, cast

from benchmarks.contenders import CONTENDERS, FLOOR, UNDERSTANDS_NOTHING, Ask
from benchmarks.results import publish, save, table
from benchmarks.server import running, thinking_and_answer

SHORT = "sim-n8-r0-mreasoning-l0"
SHORT_QUESTIONS = 50


class Sample(TypedDict):
    """One process's numbers."""

    microseconds_a_chunk: float
    first_token_ms: float
    exact: bool | None
    """Whether thinking and answer came whole and apart; None for who does not read them."""


def first_token_ms(ask: Ask) -> float:
    """Return the milliseconds until the first piece arrives."""
    arrivals: list[float] = []
    started = time.perf_counter()
    ask(lambda kind, text: arrivals.append(time.perf_counter()))
    return (arrivals[0] - started) * 1000


def cpu_seconds(ask: Ask) -> tuple[float, str, str]:
    """Ask once; return the CPU time of this process, and the thinking and the answer that came."""
    received: dict[str, list[str]] = defaultdict(list)
    started = time.process_time()
    ask(lambda kind, text: received[kind].append(text))
    spent = time.process_time() - started
    return spent, "".join(received["thinking"]), "".join(received["answer"])


def measure(name: str, base_url: str, chunks: int) -> Sample:
    """Take one sample of a contender, in this process; the first of each kind of question is a warm-up."""
    ask = CONTENDERS[name](base_url, SHORT)
    waits = [first_token_ms(ask) for _ in range(SHORT_QUESTIONS + 1)][1:]
    ask = CONTENDERS[name](base_url, f"sim-n{chunks}-r0-mreasoning-l0")
    cpu_seconds(ask)
    spent, *received = cpu_seconds(ask)
    expected = ["".join(pieces) for pieces in thinking_and_answer(chunks)]
    return {
        "microseconds_a_chunk": spent / chunks * 1e6,
        "first_token_ms": statistics.median(waits),
        "exact": None if name == UNDERSTANDS_NOTHING else received == expected,
    }


def sample(name: str, base_url: str, chunks: int) -> Sample | str:
    """Take one sample of a contender in a process of its own; return the last line of its error if it fails."""
    command = [sys.executable, "-m", "benchmarks.bench_stream", "-n", str(chunks), "--one", name, base_url]
    process = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if process.returncode:
        return (process.stderr.strip().splitlines() or ["no output"])[-1]
    return cast(Sample, json.loads(process.stdout.splitlines()[-1]))


def take_turns(names: list[str], chunks: int, repeat: int) -> tuple[dict[str, list[Sample]], dict[str, str]]:
    """Sample every contender `repeat` times in turn; return the samples, and the error of each that failed."""
    samples: dict[str, list[Sample]] = {name: [] for name in names}
    failures: dict[str, str] = {}
    with running() as base_url:
        sample(FLOOR, base_url, chunks)  # so that the server has its replies ready
        for name in names * repeat:
            taken = failures.get(name) or sample(name, base_url, chunks)
            if isinstance(taken, str):
                failures[name] = taken
            else:
                samples[name].append(taken)
    return {name: taken for name, taken in samples.items() if name not in failures}, failures


def median(samples: list[Sample]) -> Sample:
    """Return the median of each number; exact only if all were."""
    verdicts = {one["exact"] for one in samples}
    return {
        "microseconds_a_chunk": statistics.median(one["microseconds_a_chunk"] for one in samples),
        "first_token_ms": statistics.median(one["first_token_ms"] for one in samples),
        "exact": verdicts.pop() if len(verdicts) == 1 else False,
    }


def row(name: str, numbers: Sample, floor: Sample) -> list[str]:
    """Return a contender's line of the table."""
    chunk, first = numbers["microseconds_a_chunk"], numbers["first_token_ms"]
    return [
        name,
        f"{chunk:.1f}",
        f"{chunk / floor['microseconds_a_chunk']:.2f}",
        f"{first:.2f}",
        f"{first / floor['first_token_ms']:.2f}",
        {True: "yes", False: "NO", None: "-"}[numbers["exact"]],
    ]


def compare(names: list[str], chunks: int, repeat: int) -> bool:
    """Measure, print and save; return whether every contender gave the exact text."""
    samples, failures = take_turns(names, chunks, repeat)
    medians = {name: median(taken) for name, taken in samples.items()}
    title = f"{chunks} chunks, medians of {repeat}"
    head = [title, "CPU µs a chunk", "x floor", "first token ms", "x floor", "text exact"]
    text = table(head, [row(name, numbers, medians[FLOOR]) for name, numbers in medians.items()])
    publish("stream", "\n".join([text, *(f"{name} failed: {failure}" for name, failure in failures.items())]))
    save("stream", {"chunks": chunks, "median": medians, "samples": samples, "failed": failures})
    return not failures and all(numbers["exact"] is not False for numbers in medians.values())


def main() -> None:
    """Read the command line; exit with 1 if a text was not exact."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", "--chunks", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--only", nargs="+", default=list(CONTENDERS), choices=list(CONTENDERS), metavar="NAME")
    parser.add_argument("--one", nargs=2, metavar=("NAME", "URL"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        name, base_url = arguments.one
        print(json.dumps(measure(name, base_url, arguments.chunks)))
        return
    names = [name for name in CONTENDERS if name == FLOOR or name in arguments.only]
    sys.exit(0 if compare(names, arguments.chunks, arguments.repeat) else 1)


if __name__ == "__main__":
    main()
