"""What one reply in a notebook puts on iopub: bytes beside those of its text, messages, and what the server drops.

A real kernel behind a real jupyter_server with its usual limits. The same reply is shown by this package's two views,
by chatlas, and by the loop that most notebooks use: `display(Markdown(so far))`, ten times a second.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from pathlib import Path
from typing import TypedDict

from benchmarks import plots
from benchmarks.iopub import Message, Notebook, jupyter_server
from benchmarks.results import publish, save, table
from benchmarks.server import running, thinking_and_answer

MAGISTRAL = """%load_ext magistral_nb
%config Magistral.view = '{view}'
import openai"""
ASK = """%%magistral --base-url {base} -m {model}
Say it."""
LOOP = """import json, time, httpx2
from IPython.display import Markdown, display
def pieces():
    body = {{"model": "{model}", "messages": [{{"role": "user", "content": "Say it."}}], "stream": True}}
    with httpx2.stream("POST", "{base}/chat/completions", json=body, timeout=600) as response:
        for line in response.iter_lines():
            choices = json.loads(line[6:])["choices"] if line.startswith("data: {{") else []
            delta = choices[0]["delta"] if choices else {{}}
            yield delta.get("reasoning_content") or delta.get("content") or "" """
SHOW = """text, shown_at, shown = "", 0.0, display(Markdown(""), display_id=True)
for piece in pieces():
    text += piece
    if time.monotonic() - shown_at >= 0.1:
        shown.update(Markdown(text))
        shown_at = time.monotonic()
shown.update(Markdown(text))"""
CHATLAS = """import chatlas
chat = chatlas.ChatOpenAICompletions(base_url="{base}", model="{model}", api_key="x")"""
WIDGET, HTML = "magistral_nb, live widget", "magistral_nb, HTML"
CELLS: dict[str, tuple[str, str]] = {
    WIDGET: (MAGISTRAL.replace("{view}", "widget"), ASK),
    HTML: (MAGISTRAL.replace("{view}", "html"), ASK),
    "display(Markdown), 10 Hz": (LOOP, SHOW),
    "chatlas": (CHATLAS, '_ = chat.chat("Say it.", echo="all")'),
}
"""What is compared: how it is set up, and the cell that is measured."""
OURS = (WIDGET, HTML)
LARGEST = {"chatlas": 10_000}
"""It sends all of the text for each token: 40,000 are 2.8 GB."""
FULL_SPEED = (5_000, 10_000, 40_000)
AS_A_MODEL = (5_000, 200)
"""Tokens, and tokens a second."""


class Cost(TypedDict):
    """What one reply put on iopub."""

    name: str
    tokens: int
    a_second: int
    """0: as fast as they are read."""
    text: int
    """Bytes of thinking and answer."""
    bytes: int
    closing: int | None
    """Bytes of the last picture, which is the one that is kept; None for who sends no other kind."""
    messages: int
    most_in_a_second: int
    seconds: float
    dropped: int


def most_in_a_second(messages: list[Message]) -> int:
    """Return how many messages the fullest second held."""
    times = [message.at for message in messages]
    return max(sum(begin <= at < begin + 1 for at in times[index : index + 2_000]) for index, begin in enumerate(times))


def closing(name: str, messages: list[Message]) -> int | None:
    """Return the size of the last picture."""
    pictures = [one.size for one in messages if one.kind in ("display_data", "update_display_data")]
    return pictures[-1] if name in OURS and pictures else None


def measure(notebook: Notebook, base: str, name: str, tokens: int, a_second: int) -> Cost:
    """Show one reply; a short one before it pays for imports and, once in a kernel, for the bundle."""
    setup, cell = CELLS[name]
    warm_up = {"base": base, "model": "sim-n200-r200-mreasoning-l0"}
    model = {"base": base, "model": f"sim-n{tokens}-r{a_second}-mreasoning-l0"}
    notebook.run(setup.format(**warm_up))
    notebook.run(cell.format(**warm_up))
    notebook.run(setup.format(**model))
    messages, dropped = notebook.run(cell.format(**model))
    text = sum(len(piece.encode()) for pieces in thinking_and_answer(tokens) for piece in pieces)
    return {
        "name": name,
        "tokens": tokens,
        "a_second": a_second,
        "text": text,
        "bytes": sum(message.size for message in messages),
        "closing": closing(name, messages),
        "messages": len(messages),
        "most_in_a_second": most_in_a_second(messages),
        "seconds": messages[-1].at - messages[0].at,
        "dropped": dropped,
    }


def measure_all(names: list[str], sizes: list[tuple[int, int]]) -> list[Cost]:
    """Show every reply by each of the ways, each in a kernel of its own."""
    costs: list[Cost] = []
    with (
        running() as base,
        tempfile.TemporaryDirectory(prefix="bench-notebook-") as home,
        jupyter_server(Path(home)) as (url, token, runtime),
    ):
        for name, (tokens, a_second) in itertools.product(names, sizes):
            if tokens > LARGEST.get(name, tokens):
                continue
            notebook = Notebook(url, token, runtime)
            costs.append(measure(notebook, base, name, tokens, a_second))
            notebook.close()
    return sorted(costs, key=lambda one: (one["a_second"], one["tokens"]))


def row(cost: Cost) -> list[str]:
    """Return one reply's line of the table."""
    text, closing = cost["text"], cost["closing"]
    pace = f"{cost['a_second']} a second" if cost["a_second"] else "full speed"
    return [
        f"{cost['tokens']:,}, {pace}",
        cost["name"],
        f"{cost['bytes'] / 1000:,.0f}",
        f"{cost['bytes'] / text:,.2f}",
        f"{(cost['bytes'] - closing) / text:,.2f}" if closing else "-",
        f"{closing / text:,.2f}" if closing else "-",
        f"{cost['messages']:,}",
        f"{cost['most_in_a_second']:,}",
        f"{cost['seconds']:.1f}",
        f"{cost['dropped']:,}",
    ]


def main() -> None:
    """Read the command line, measure, publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", "--tokens", type=int, nargs="+", default=FULL_SPEED)
    parser.add_argument("--only", nargs="+", default=list(CELLS), choices=list(CELLS), metavar="NAME")
    parser.add_argument("--no-slow", action="store_true", help="leave out the reply at a model's pace")
    arguments = parser.parse_args()
    sizes = [(tokens, 0) for tokens in arguments.tokens] + ([] if arguments.no_slow else [AS_A_MODEL])
    costs = measure_all(arguments.only, sizes)
    head = ["tokens", "shown by", "KB on iopub", "x text", "live x text", "closing x text"]
    head += ["messages", "most in a second", "seconds", "dropped by the server"]
    publish("iopub", table(head, [row(cost) for cost in costs]))
    save("iopub", {"costs": costs})
    plots.iopub([cost for cost in costs if not cost["a_second"]])


if __name__ == "__main__":
    main()
