"""The shell's door: what it prints where, and how it exits."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from magistral_nb.cli import main
from tests.fake_server import FakeServer
from tests.test_client import GOOD, KEY

Output = pytest.CaptureFixture[str]


def test_the_answer_goes_to_stdout_and_the_thinking_to_stderr(server: FakeServer, capsys: Output) -> None:
    server.play(GOOD)
    options = ["--base-url", server.base_url, "-m", "magistral-small", "-t", "0"]
    assert main(["ask", *options, "What", "is", "2 + 2?"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "4\n"
    assert "Two." in printed.err
    body = server.requests[0].json()
    assert body["messages"][-1]["content"] == "What is 2 + 2?"
    assert body["temperature"] == 0
    assert main(["ask", *options, "-R", "hi"]) == 0
    assert "Two." not in capsys.readouterr().err


def test_terminal_escapes_of_a_model_are_made_visible(server: FakeServer, capsys: Output) -> None:
    server.play(GOOD.replace(b'"4"', b'"\\u001b]52;c;eA==\\u0007"'))
    assert main(["ask", "--base-url", server.base_url, "-m", "magistral-small", "hi"]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_an_error_is_one_line_and_exits_with_1(
    server: FakeServer, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAGISTRAL_API_KEY", KEY)
    server.play_json({"error": {"message": f"bad key {KEY}"}}, status=401)
    assert main(["ask", "--base-url", server.base_url, "-m", "magistral-small", "hi"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("AuthenticationError: ")
    assert told.count("\n") == 1
    assert KEY not in told


def test_status_with_nothing_set_up_says_what_would_work(capsys: Output) -> None:
    assert main(["status"]) == 0
    assert "Client('demo')" in capsys.readouterr().out
    assert main(["status", "-e", "demo"]) == 0
    assert "smollm2" in capsys.readouterr().out
    assert main(["status", "-e", "nowhere"]) == 1


@pytest.mark.parametrize(("version", "warned"), [("4.5.9", True), ("4.6.2", False), ("4.10.0rc1", False), ("5", False)])
def test_status_warns_of_an_old_jupyterlab(
    version: str, warned: bool, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: version)
    assert main(["status", "-e", "demo"]) == 0
    assert ("JupyterLab" in capsys.readouterr().out) == warned


def test_a_mistake_in_the_options_exits_with_2() -> None:
    with pytest.raises(SystemExit) as caught:
        main(["ask"])
    assert caught.value.code == 2


def test_thinking_without_an_opening_tag_stays_out_of_stdout(server: FakeServer, capsys: Output) -> None:
    server.play(GOOD.replace(b'"4"', b'"Hmm.[/THINK]Four"').replace(b'"Two."', b'""'))
    assert main(["ask", "--base-url", server.base_url, "-m", "magistral-small", "hi"]) == 0
    printed = capsys.readouterr()
    assert "Hmm." not in printed.out
    assert "Four" in printed.out


def test_a_narrow_code_page_is_no_traceback(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.play(GOOD.replace(b'"4"', '"π"'.encode()))
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", stdout)
    assert main(["ask", "--base-url", server.base_url, "-m", "magistral-small", "hi"]) == 0
    assert stdout.buffer.getvalue().startswith(b"\\u03c0")


def test_an_error_cannot_command_the_terminal(server: FakeServer, capsys: Output) -> None:
    server.play_json({"error": {"message": "bad \x1b]0;x\x07\x9b\u202e"}}, status=400)
    assert main(["ask", "--base-url", server.base_url, "-m", "magistral-small", "hi"]) == 1
    assert not set("\x1b\x07\x9b\u202e") & set(capsys.readouterr().err)


def test_a_reader_that_has_gone_is_no_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "magistral_nb", "status", "-e", "demo"]
    ran = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, timeout=30, check=False)
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (1, b"")
