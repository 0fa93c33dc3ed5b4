"""Ways to type a key: a pipe, a notebook, and nobody there."""

from __future__ import annotations

import pytest

from magistral_nb.cli import main
from tests.test_keyring import KEY, Pipe, Ring, nobody_types
from tests.test_keyring import kept as kept
from tests.test_keyring import typed as typed
from tests.test_magics import notebook, run


def test_a_key_can_be_piped_in(kept: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Pipe(f"{KEY}\n"))
    assert main(["login", "navigator"]) == 0
    assert kept.kept["magistral_nb", "navigator"] == KEY


def test_login_in_a_notebook(kept: Ring, typed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with notebook() as shell:
        result, out, err = run(shell, "%magistral login navigator")
        assert result.success, err
        assert "kept in the keyring" in out
        assert KEY not in out + err
        monkeypatch.setenv("NAVIGATOR_API_KEY", "x")
        assert "wins over it" in run(shell, "%magistral login navigator")[1]
        assert "is still set" in run(shell, "%magistral logout navigator")[1]
        for line in ("%magistral login", "%magistral login navigator sk-0123456789"):
            assert not run(shell, line)[0].success
        assert kept.kept == {}


def test_where_nobody_can_type_login_says_what_to_do(kept: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", nobody_types)
    with notebook() as shell:
        result, out, err = run(shell, "%magistral login navigator")
    assert not result.success
    assert "without a person" in out + err
