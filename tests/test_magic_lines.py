"""The line of a magic: options, quotes and keys mean the same in a cell and in `%magistral ask`."""

from __future__ import annotations

import pytest
from IPython.core.interactiveshell import InteractiveShell

from tests.fake_server import FakeServer
from tests.test_client import GOOD
from tests.test_magics import asked, at, run
from tests.test_magics import shell as shell


@pytest.mark.parametrize("form", ["cell", "ask"])
@pytest.mark.parametrize(
    ("options", "system"),
    [
        ('-s "be brief"', "be brief"),
        ("--system='be brief'", "be brief"),
        ("-s C:\\new\\dir", "C:\\new\\dir"),
    ],
)
def test_quotes_around_a_value_are_not_sent(
    shell: InteractiveShell, server: FakeServer, form: str, options: str, system: str
) -> None:
    server.play(GOOD)
    line = f'--base-url "{server.base_url}" --model magistral-small --temp 0 -qR {options}'
    run(shell, f"%%magistral {line}\nhi" if form == "cell" else f"%magistral ask {line} hi")
    body = server.requests[-1].json()
    assert body["temperature"] == 0
    assert body["messages"][0] == {"role": "system", "content": system}
    assert asked(server) == "hi"


@pytest.mark.parametrize("cell", ["%%magistral {}\nhi", "%magistral ask {} hi"])
@pytest.mark.parametrize(
    ("options", "told"), [("--modle x", "did you mean --model?"), ("-s 'open", "quote is not closed")]
)
def test_both_forms_refuse_the_same(shell: InteractiveShell, cell: str, options: str, told: str) -> None:
    _, printed, red = run(shell, cell.format(options))
    assert told in printed + red
    assert "Traceback" not in printed + red


def test_a_key_stays_with_the_place_it_was_set_for(
    shell: InteractiveShell, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMPUS_KEY", "campus-secret")
    run(shell, "%config Magistral.key_env = 'CAMPUS_KEY'\n%config Magistral.model = 'campus'")
    server.play(GOOD)
    run(shell, f"{at(server)}\nhi")
    assert "campus-secret" not in str(server.requests[-1].headers)
    _, printed, _ = run(shell, "%magistral use demo")
    assert "key_env = CAMPUS_KEY" in printed
    assert "model = campus" in printed


def test_a_first_line_of_spaces_changes_nothing(shell: InteractiveShell, server: FakeServer) -> None:
    server.play(GOOD)
    run(shell, f"  \n{at(server)}\nHi")
    assert asked(server) == "Hi"


@pytest.mark.parametrize("options", ["-f code", "-f json", "-f text"])
def test_no_form_commands_the_terminal(shell: InteractiveShell, server: FakeServer, options: str) -> None:
    server.play(GOOD.replace(b'"4"', b'"```\\n\\u001b[2J\\u009b\\u202e\\n```"'))
    _, printed, _ = run(shell, f"{at(server, options)}\nhi")
    assert not set("\x1b\x9b\u202e") & set(printed)


def test_a_failure_before_anything_arrived_keeps_the_old_reply(shell: InteractiveShell, server: FakeServer) -> None:
    shell.user_ns["r"] = "old"
    server.play_json({"error": {"message": "bad \x9b\u202e"}}, status=400)
    _, printed, red = run(shell, f"{at(server, '-o r')}\nhi")
    assert shell.user_ns["r"] == "old"
    assert not set("\x9b\u202e") & set(printed + red)


def test_a_panel_needs_a_page(shell: InteractiveShell) -> None:
    _, printed, red = run(shell, "%magistral panel")
    assert "needs a page" in printed + red
    assert "Traceback" not in printed + red
