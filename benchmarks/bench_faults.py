"""What the users of two clients see when things go wrong: twelve faults, played to OpenAI's client and to this one.

Each is asked in a fresh process, the way its documentation does, with a time-out of 2 seconds; both get the same bytes
from the same server. The table goes into docs/reliability.md.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.faults import FAULTS, Fault
from benchmarks.results import publish, save, table
from tests.fake_server import FakeServer

PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"
PATIENCE = 2.0
"""The time-out that both clients are given, in seconds."""
WORTH_TELLING = 50
"""Memory that is less than this is not worth a word, in MiB."""
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/v1")
Seen = dict[str, Any]


def ask_openai(base_url: str, reads: int | None) -> Seen:
    """Ask with OpenAI's client. What its user has in the end is what the loop has put aside by itself."""
    import openai

    client = openai.OpenAI(base_url=base_url, api_key="x", timeout=PATIENCE)
    got: list[str] = []
    finish = None
    try:
        stream = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}], stream=True)
        for chunk in stream:
            choice = chunk.choices[0] if chunk.choices else None
            if choice and choice.delta.content:
                got.append(choice.delta.content)
            finish = (choice and choice.finish_reason) or finish
            if reads and len(got) == reads:
                return _stopped(stream.close)
    except Exception as error:
        known = isinstance(error, openai.OpenAIError)
        return {"error": type(error).__name__, "known": known, "says": str(error), "kept": ""}
    return {"error": "", "kept": "".join(got), "whole": finish is not None}


def ask_magistral(base_url: str, reads: int | None) -> Seen:
    """Ask with this package. What its user has in the end is in the error, or in the reply."""
    import magistral_nb

    client = magistral_nb.Client(base_url=base_url, model="m", api_key="x", timeout=PATIENCE)
    got = 0
    try:
        with client.stream("hi") as stream:
            for event in stream:
                got += event.type == "answer.delta"
                if reads and got == reads:
                    break
        if reads:
            return _stopped(stream.close) | {"kept": stream.reply.answer}
    except magistral_nb.MagistralError as error:
        kept = error.partial.answer if error.partial else ""
        return {"error": type(error).__name__, "known": True, "says": error.message, "kept": kept}
    notices = " ".join(notice.text for notice in stream.reply.notices)
    return {"error": "", "kept": stream.reply.answer, "whole": stream.reply.complete, "says": notices}


ASKING: dict[str, Callable[[str, int | None], Seen]] = {"openai": ask_openai, "magistral_nb": ask_magistral}


def _stopped(close: Callable[[], None]) -> Seen:
    """Keep the stream for a while, and close it at last."""
    left = time.monotonic()
    time.sleep(3)
    closed = time.monotonic()
    close()
    return {"error": "", "kept": "", "left": left, "closed": closed}


def look(name: str, base_url: str, reads: int | None) -> Seen:
    """Ask once in vain, so that everything is loaded, and then for the measurement: in this process."""
    import resource

    ASKING[name](base_url, None)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    seen = ASKING[name](base_url, reads)
    seen["seconds"] = time.monotonic() - began
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    seen["mib"] = round(grown / 1024 if sys.platform == "linux" else grown / 1024**2)
    return seen


def play(fault: Fault, name: str, server: FakeServer) -> Seen:
    """Play a fault to a client in a process of its own, and return what its user sees."""
    for script in (Fault.FIRST, *fault.scripts):
        server.play(script)
    asked = len(server.requests) + 1
    command = [sys.executable, "-m", "benchmarks.bench_faults", "--one", name, server.base_url, str(fault.reads or 0)]
    environment = {**os.environ, "NO_PROXY": "", "no_proxy": "", **fault.environment}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        while process.poll() is None and not _too_late(server, asked, fault):
            time.sleep(0.02)
        if process.returncode is None:
            process.kill()
            return {"hangs": fault.patience, "kept": "", "requests": len(server.requests) - asked}
        assert process.stdout
        assert not process.returncode
        seen: Seen = json.loads(process.stdout.read().splitlines()[-1])
    seen["requests"] = len(server.requests) - asked
    if "left" in seen:
        server.wait_closed()
        seen["told"] = (server.requests[-1].closed_at or float("inf")) - seen["left"]
    return seen


def _too_late(server: FakeServer, asked: int, fault: Fault) -> bool:
    """Say whether a client has waited too long; to start, and to load what it needs, it may take any time."""
    arrived = [request.received_at for request in server.requests[asked:]]
    return bool(arrived) and time.monotonic() > arrived[0] + fault.patience


def words(seen: Seen) -> str:
    """Return in a few words what a user sees."""
    if "hangs" in seen:
        return f"**hangs**: nothing after {seen['hangs']:g} s"
    memory = f", {seen['mib']:,} MiB" if seen["mib"] > WORTH_TELLING else ""
    took = f"{seen['seconds']:.1f} s{memory}"
    kept = f"keeps “{seen['kept']}”" if seen["kept"] else "keeps nothing"
    if "told" in seen:
        if seen["told"] > 1:
            return "**the server goes on** until `close()`"
        return f"the server stops within {max(seen['told'], 0.01):.2f} s; {kept}"
    if seen["error"]:
        strange = "" if seen["known"] else ", **no `OpenAIError`**"
        said = _ADDRESS.sub("the server", " ".join(seen["says"].split()))
        return f"`{seen['error']}`{strange}: “{said[:90]}{'…' * (len(said) > 90)}”; {kept}; {took}"
    if not seen["whole"]:
        as_if = f"as if “{seen['kept']}” were whole" if seen["kept"] else "an empty reply"
        return f"**no error**, {as_if}; {took}"
    notice = f"; a notice: “{seen['says'].partition('. ')[0]}”" if seen.get("says") else ""
    return f"a whole reply, “{seen['kept']}”{notice}; {took}"


def compare() -> None:
    """Play every fault to both, print the table, and put it into the page."""
    rows, numbers = [], {}
    for fault in FAULTS:
        seen = {}
        for name in ASKING:
            with FakeServer() as server:
                seen[name] = play(fault, name, server)
        numbers[fault.name] = seen
        rows.append([fault.name, words(seen["openai"]), words(seen["magistral_nb"])])
        print(rows[-1], flush=True)
    publish("faults", table(["fault", "openai", "magistral_nb"], rows), page=PAGE)
    save("faults", numbers)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=3, metavar=("NAME", "URL", "READS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        name, base_url, reads = arguments.one
        print(json.dumps(look(name, base_url, int(reads) or None)))
        return
    compare()


if __name__ == "__main__":
    main()
