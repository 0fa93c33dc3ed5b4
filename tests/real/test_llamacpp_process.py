"""The embedded model in a Python of its own: what the process shows to others, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.real

PRELUDE = """
import os, signal, socket, sys, threading, time
from magistral_nb.errors import MagistralError
from magistral_nb.transports import llamacpp_sharing
from magistral_nb.transports.llamacpp import LlamaCppTransport
from tests.real.embedded import FOR_EVER, MODEL, ask, request, socket_folders
report = open(os.environ["REPORT"], "w")
transport = LlamaCppTransport(MODEL)
def listening():
    files = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
    inodes = {os.readlink(file) for file in files if os.path.lexists(file)}
    rows = [row.split() for name in ("tcp", "tcp6") for row in open(f"/proc/self/net/{name}").read().splitlines()[1:]]
    return [row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in inodes]
"""


def run(code: str, **environment: str) -> str:
    """Run code in a Python of its own, and return what it wrote into its report; it may print nothing."""
    folder = tempfile.mkdtemp(prefix="mt_")
    report = Path(folder, "report")
    surroundings = {**os.environ, "TMPDIR": folder, "REPORT": str(report), **environment}
    command = [sys.executable, "-X", "faulthandler", "-c", PRELUDE + code]
    finished = subprocess.run(command, env=surroundings, capture_output=True, text=True, timeout=240)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")
    text = report.read_text()
    report.unlink()
    assert os.listdir(folder) == []
    os.rmdir(folder)
    return text


def test_no_port_no_word_on_the_terminal_and_nothing_left_at_the_end() -> None:
    report = run("print(all(ask(transport)), listening(), len(socket_folders()), file=report)")
    assert report == "True [] 1\n"


def test_the_search_for_ports_finds_one_that_is_there() -> None:
    assert "0100007F" in run("s = socket.create_server(('127.0.0.1', 0)); print(listening(), file=report)")


def test_closing_hangs_up_on_a_reader_who_sleeps_and_on_a_question_in_the_queue() -> None:
    report = run("""
sleeper = transport.stream(request(**FOR_EVER))
for _ in range(4): next(sleeper)
errors = []
def queue():
    try: ask(transport)
    except MagistralError as error: errors.append(type(error).__name__)
queued = threading.Thread(target=queue); queued.start()
time.sleep(12)
began = time.monotonic(); transport.close(); took = time.monotonic() - began
queued.join(30)
print(took < 5, errors, socket_folders(), file=report)
""")
    assert report.startswith("True ['")
    assert report.endswith(" set()\n")


def test_a_process_that_ends_in_mid_reply_ends_in_order() -> None:
    report = run("""
reply = transport.stream(request(**FOR_EVER))
for _ in range(6): next(reply)
print("ended", file=report); report.flush()
""")
    assert report == "ended\n"


def test_an_interrupt_while_it_loads_leaves_a_sound_engine() -> None:
    report = run("""
signal.signal(signal.SIGALRM, signal.default_int_handler)
for delay in (0.001, 0.02, 0.05, 0.1, 0.2, 0.3):
    signal.setitimer(signal.ITIMER_REAL, delay)
    try:
        ask(transport); print("not interrupted", file=report)
    except KeyboardInterrupt: pass
    transport.close()
print(all(ask(transport)), file=report)
""")
    assert report == "True\n"


def test_a_forked_child_may_close_or_drop_its_copy() -> None:
    report = run("""
first = ask(transport)
for end in (transport.close, llamacpp_sharing.stop_all):
    child = os.fork()
    if child == 0:
        end()
        os._exit(0)  # as multiprocessing ends its children
    print(os.waitpid(child, 0)[1], ask(transport) == first, file=report)
""")
    assert report == "0 True\n0 True\n"
