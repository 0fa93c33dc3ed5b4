"""The magics in a real IPython shell, against a server that plays what it is told."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.testing.globalipapp import start_ipython
from IPython.utils.capture import capture_output

import magistral_nb
from magistral_nb import Reply
from magistral_nb.notebook.options import split_ask, without_semicolon
from tests.fake_server import FakeServer
from tests.test_client import GOOD, KEY


def _shell() -> Any:
    if shell := start_ipython():  # type: ignore[no-untyped-call]  # IPython has no types here
        # Its history need not outlive a loss of power: to wait for the disk takes longer than many a test.
        shell.history_manager.db.execute("PRAGMA synchronous = OFF")
    return InteractiveShell.instance()


@contextmanager
def notebook() -> Iterator[Any]:
    """Give an IPython shell with the extension loaded, and take it out again."""
    shell = _shell()
    gc.freeze()  # a new session collects garbage, and need not look through all that earlier tests have loaded
    shell.reset(new_session=True)
    shell.config.pop("Magistral", None)  # `%config` of an earlier test outlives the extension
    shell.run_line_magic("load_ext", "magistral_nb")
    try:
        yield shell
    finally:
        shell.run_line_magic("unload_ext", "magistral_nb")


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    """Give such a shell to a test."""
    with notebook() as shell:
        yield shell


def run(shell: Any, cell: str) -> tuple[Any, str, str]:
    """Run a cell as a user does; return its result, what it printed and what it said in red."""
    with capture_output() as captured:
        result = shell.run_cell(cell, store_history=True)
    return result, captured.stdout, captured.stderr


def at(server: FakeServer, options: str = "") -> str:
    return f"%%magistral --base-url {server.base_url} -m magistral-small {options}".rstrip()


def asked(server: FakeServer) -> str:
    question: str = server.requests[-1].json()["messages"][-1]["content"]
    return question


def test_loading_is_silent_and_unloading_complete() -> None:
    shell = _shell()

    def state() -> tuple[object, ...]:
        ours = [thing for thing in shell.configurables if type(thing).__name__ == "Magistral"]
        return set(shell.magics_manager.magics["cell"]), len(ours), dict(shell.events.callbacks)

    before = state()
    with capture_output() as captured:
        shell.run_line_magic("load_ext", "magistral_nb")
        magistral_nb.load_ipython_extension(shell)  # as %reload_ext does; IPython itself refuses a second %load_ext
        assert "magistral" in shell.magics_manager.magics["cell"]
        assert state()[1] == 1
        shell.run_line_magic("unload_ext", "magistral_nb")
    assert captured.stdout + captured.stderr == ""
    assert state() == before


BODIES = [
    'Fix this: d = {"k": [1, {2: "z"}]} and \\frac{a}{b}',
    ">>> doctest\n... with prompts",
    "  indented\n\ttabs  \n\n trailing lines",
    "$HOME {x} !ls %run ?help",
    "%%bash\ntouch ./magistral_pwned",
    "ends in a semicolon;",
    "{{ not a template }} {% nor this %}",
    "line\u2028separator and é😀",
]


@pytest.mark.parametrize("body", BODIES)
def test_the_cell_goes_out_byte_for_byte(shell: InteractiveShell, server: FakeServer, body: str) -> None:
    server.play(GOOD)
    result, printed, _ = run(shell, f"{at(server)}\n{body}")
    assert asked(server) == body
    assert result.success
    assert "4" in printed


def test_the_reply_is_in_underscore_out_and_the_named_variable(shell: InteractiveShell, server: FakeServer) -> None:
    server.play(GOOD)
    _, printed, _ = run(shell, f"{at(server, '-o r')}\nhi")
    reply = shell.user_ns["r"]
    assert isinstance(reply, Reply)
    assert (reply.thinking, reply.answer) == ("Two.", "4")
    assert shell.user_ns["_"] is reply
    assert shell.user_ns["Out"][shell.execution_count - 1] is reply
    assert printed.count("Two.") == 1  # no second picture
    _, printed, _ = run(shell, "r")
    assert printed.count("Two.") == 1  # but shown again when asked for


def test_quiet_and_a_semicolon_show_nothing_and_keep_the_reply(shell: InteractiveShell, server: FakeServer) -> None:
    server.play(GOOD)
    for options in ("-q -o r", "-o r;"):
        shell.user_ns.pop("r", None)
        _, printed, red = run(shell, f"{at(server, options)}\nhi")
        assert (printed, red, shell.user_ns["r"].answer) == ("", "", "4")


def test_hide_thinking_and_formats(shell: InteractiveShell, server: FakeServer) -> None:
    server.play(GOOD)
    _, printed, _ = run(shell, f"{at(server, '-R')}\nhi")
    assert "Two." not in printed
    assert "4" in printed


def test_jinja_is_asked_for_and_scoped(shell: InteractiveShell, server: FakeServer) -> None:
    server.play(GOOD)
    shell.user_ns["t"] = 7
    run(shell, f"{at(server, '--jinja')}\nt is {{{{ t }}}}")
    assert asked(server) == "t is 7"
    result, red, _ = run(shell, f"{at(server, '--jinja')}\nfine\nt is {{{{ undefined_name }}}}")
    assert not result.success
    assert "line 2" in red
    assert "undefined_name" in red
    result, _, red = run(shell, f"{at(server, '--jinja')}\n{{{{ t.__class__.__mro__ }}}}")
    assert not result.success
    assert len(server.requests) == 1


def test_ask_in_one_line_with_quotes_and_dashes(shell: InteractiveShell, server: FakeServer) -> None:
    server.play(GOOD)
    options = f"--base-url {server.base_url} -m magistral-small -t 0"
    result, _, _ = run(shell, f'x = %magistral ask {options} What\'s 2 - 2 "now"?')
    assert result.success
    assert asked(server) == 'What\'s 2 - 2 "now"?'
    assert server.requests[-1].json()["temperature"] == 0
    assert shell.user_ns["x"].answer == "4"


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("-t 0 What's up?", ("-t 0", "What's up?")),
        ("hi -t 0", ("", "hi -t 0")),
        ('-s "Be brief, please" --seed=3 -q hi', ('-s "Be brief, please" --seed=3 -q', "hi")),
        ("-q -- -5 + 3?", ("-q", "-5 + 3?")),
        ("-5 + 3?", ("", "-5 + 3?")),
    ],
)
def test_splitting_an_ask_line(line: str, wanted: tuple[str, str]) -> None:
    assert split_ask(line) == wanted


def test_a_semicolon_counts_only_at_the_end() -> None:
    assert without_semicolon("-o r ; ") == ("-o r ", True)
    assert without_semicolon("a;b") == ("a;b", False)


def test_an_error_ends_the_cell_in_one_line_and_the_whole_story_is_kept(
    shell: InteractiveShell, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAGISTRAL_API_KEY", KEY)
    server.play_json({"error": {"message": f"bad key {KEY}"}}, status=401)
    result, printed, red = run(shell, f"{at(server)}\nhi")
    assert not result.success
    told = (red or printed).strip()
    assert told.startswith("AuthenticationError: ")
    assert "\n" not in told
    assert "$MAGISTRAL_API_KEY" in told
    _, story, _ = run(shell, "%magistral last-error")
    assert "Traceback" in story
    assert KEY not in told + story


def test_the_partial_is_shown_and_kept_when_the_stream_breaks(shell: InteractiveShell, server: FakeServer) -> None:
    server.play(GOOD.replace(b"data: [DONE]\n\n", b"").rpartition(b"data: ")[0])
    result, printed, _ = run(shell, f"{at(server, '-o r')}\nhi")
    assert not result.success
    assert "Two." in printed
    assert (shell.user_ns["r"].answer, shell.user_ns["r"].complete) == ("4", False)


def test_config_flags_and_use(shell: InteractiveShell, server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.play(GOOD)
    monkeypatch.setenv("MAGISTRAL_BASE_URL", server.base_url)
    monkeypatch.setenv("MAGISTRAL_MODEL", "magistral-from-environment")
    run(shell, "%%magistral\nhi")
    assert server.requests[-1].json()["model"] == "magistral-from-environment"
    run(shell, "%config Magistral.model = 'magistral-from-config'\n%config Magistral.temperature = 0.1")
    run(shell, "%%magistral\nhi")
    body = server.requests[-1].json()
    assert (body["model"], body["temperature"]) == ("magistral-from-config", 0.1)
    run(shell, "%%magistral -m magistral-from-flag -t 0.9\nhi")
    body = server.requests[-1].json()
    assert (body["model"], body["temperature"]) == ("magistral-from-flag", 0.9)
    _, printed, _ = run(shell, "%magistral use demo")
    assert "→ demo" in printed
    result, _, _ = run(shell, "%magistral use nowhere")
    assert not result.success
    _, printed, _ = run(shell, "%magistral status")
    assert "demo" in printed


def test_a_key_is_taken_from_the_named_variable_only(
    shell: InteractiveShell, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.play(GOOD)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-this-one")
    monkeypatch.setenv("COURSE_KEY", KEY)
    run(shell, f"{at(server, '--key-env COURSE_KEY')}\nhi")
    assert server.requests[-1].headers["authorization"] == f"Bearer {KEY}"
    result, printed, red = run(shell, f"{at(server, '--key-env NOT_SET')}\nhi")
    assert not result.success
    assert "$NOT_SET" in printed + red


def test_reports(shell: InteractiveShell, server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    _, printed, _ = run(shell, "%magistral status")
    assert "Client('demo')" in printed  # nothing is set up: it says what would work
    monkeypatch.setenv("TOGETHER_API_KEY", KEY)
    monkeypatch.setattr("magistral_nb.reports.find_local", lambda env: [])  # leave what runs on this machine alone
    _, printed, _ = run(shell, "%magistral endpoints")
    assert "→ together" in printed
    assert "is set" in printed
    assert KEY not in printed
    server.play_json({"data": [{"id": "magistral-small"}, {"id": "other"}]}, path="/v1/models")
    run(shell, f"%config Magistral.base_url = '{server.base_url}'")
    _, printed, _ = run(shell, "%magistral models")
    assert printed.split() == ["magistral-small", "other"]
    _, printed, _ = run(shell, "%magistral -h")
    assert "--hide-thinking" in printed
    assert "last-error" in printed


@pytest.mark.parametrize("cell", ["%magistral nonsense", "%%magistral --nonsense\nhi", "%%magistral -o 1x -e demo\nhi"])
def test_a_mistake_on_the_line_is_told_in_words(shell: InteractiveShell, cell: str) -> None:
    result, printed, red = run(shell, cell)
    assert not result.success
    assert "Traceback" not in printed + red
    assert "UsageError" in printed + red


def test_an_empty_question_is_not_sent(shell: InteractiveShell, server: FakeServer) -> None:
    result, red, _ = run(shell, f"{at(server)}\n  \n")
    assert not result.success
    assert "empty" in red
    assert server.requests == []
