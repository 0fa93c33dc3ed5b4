"""One student of a class, as a program: it plays a cassette many times, and may touch neither network nor engine.

    python -m tests.real.class_member CASSETTE TIMES

It prints, as JSON, a hash of all it read, the seconds it took and the memory it needed, in MiB.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import time
from pathlib import Path

FORBIDDEN = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "subprocess.Popen")
ENGINES = {"openai", "httpx2", "xllamacpp", "torch", "transformers"}


def _guard(event: str, arguments: tuple[object, ...]) -> None:
    if event in FORBIDDEN:
        os.write(2, f"{event} was called\n".encode())
        os._exit(9)


def main() -> None:
    """Play."""
    sys.addaudithook(_guard)
    cassette, times = sys.argv[1], int(sys.argv[2])
    from magistral_nb import Client, replay

    questions = [f"Question {number}?" for number in range(40)]
    began = time.perf_counter()
    digest = hashlib.sha256()
    for _ in range(times):
        with replay(cassette):
            client = Client()
            for question in questions:
                digest.update(json.dumps(client.chat(question).to_dict(), sort_keys=True).encode())
    loaded = sorted(ENGINES & sys.modules.keys())
    peak = re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())  # rusage counts the parent's, too
    memory = int(peak[1]) / 1024 if peak else 0.0
    told = {"hash": digest.hexdigest(), "seconds": time.perf_counter() - began, "memory": memory, "loaded": loaded}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
