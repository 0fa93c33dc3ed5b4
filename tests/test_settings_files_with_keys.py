"""Keys in settings files: who may read them, and where they go."""

from __future__ import annotations

import os

import pytest

from magistral_nb import Client
from magistral_nb.reports import endpoints_report, status_report
from magistral_nb.settings_files import load_settings
from tests.fake_server import FakeServer
from tests.test_client import GOOD
from tests.test_settings_files import SECRET, Write, refusal, write_closed
from tests.test_settings_files import folders as folders
from tests.test_settings_files import write as write

KEYED = '[endpoints.campus]\nbase_url = "{}"\nmodel = "m"\napi_key = "{}"\n'


def test_a_key_in_a_file_that_nobody_else_can_read_is_used(write: Write, server: FakeServer) -> None:
    path = write_closed(write, KEYED.format(server.base_url, SECRET))
    server.play(GOOD)
    client = Client("campus")
    client.chat("hi")
    assert server.requests[0].headers["authorization"] == f"Bearer {SECRET}"
    assert repr(client.settings.sources["api_key"].value) == f"<set, from {path}>"
    shown = status_report(client.settings) + endpoints_report(look_around=False) + repr(load_settings())
    assert f"the key is in {path}" in shown
    assert SECRET not in shown
    assert Client("campus", api_key="sk-given-0123456").settings.sources["api_key"].source == "api_key="


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o620, 0o602, 0o610])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_key_in_a_file_that_others_can_read_or_change_is_refused(write: Write, mode: int, which: int) -> None:
    path = write_closed(write, KEYED.format("https://x.invalid/v1", SECRET), which)
    assert load_settings().endpoints["campus"].api_key is not None
    path.chmod(mode)  # its time of change stays
    error = refusal()
    assert f"{path}, line 4" in error.message
    assert f"chmod 600 {path}" in error.hint
    assert SECRET not in str(error)
    path.chmod(0o400)
    assert load_settings().endpoints["campus"].api_key is not None


def test_a_file_of_another_user_may_not_bring_a_key(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_closed(write, KEYED.format("https://x.invalid/v1", SECRET))
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    if path.stat().st_uid:
        assert "another user" in refusal().message
    else:  # root's own files are for everyone
        assert load_settings().endpoints["campus"].api_key is not None


def test_a_file_with_a_key_is_read_once_and_keeps_connections(write: Write) -> None:
    write_closed(write, KEYED.format("https://x.invalid/v1", SECRET))
    assert load_settings().endpoints["campus"] == load_settings().endpoints["campus"]


def test_a_key_follows_no_address_of_another_file(write: Write) -> None:
    mine = write_closed(write, f'[endpoints.navigator]\napi_key = "{SECRET}"')
    assert load_settings().endpoints["navigator"].api_key is not None
    elsewhere = '[endpoints.navigator]\nbase_url = "https://elsewhere.invalid/v1"\nkey_env = "NAVIGATOR_API_KEY"\n'
    write(elsewhere, 2)
    error = refusal()
    assert f"{mine}, line 2" in error.message
    assert "another server" in error.message
    write(f'{elsewhere}api_key = "{SECRET}"')
    assert load_settings().endpoints["navigator"].base_url == "https://elsewhere.invalid/v1"


def test_a_key_of_a_file_goes_to_its_endpoint_only(write: Write, server: FakeServer) -> None:
    write_closed(write, f'[endpoints.navigator]\napi_key = "{SECRET}"')
    server.play(GOOD)
    for client in (Client("navigator", base_url=server.base_url), Client(base_url=server.base_url, model="m")):
        client.chat("hi")
        assert "authorization" not in server.requests[-1].headers
