"""Settings files: who wins, what they may say, and what a person reads whose file is not right."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from magistral_nb import ENDPOINTS, Client, ConfigurationError, Endpoint, MissingKeyError, settings_files
from magistral_nb.choosing import choose_endpoint
from magistral_nb.costs import Price
from magistral_nb.settings_files import load_settings, settings_paths
from magistral_nb.settings_format import SettingsFile, read_settings_file
from tests.fake_server import FakeServer
from tests.test_client import GOOD
from tests.test_magics import notebook, run

ROOT = Path(__file__).parents[1]
SECRET = "sk-demo-0123456789abcdef"
Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the environment's and the system's folder where this test may write; the user's is there already."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "environment"))
    monkeypatch.setattr(settings_files, "_system_folder", lambda: tmp_path / "system")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def write() -> Write:
    """Give a function that writes the user's file (0), the environment's (1) or the system's (2)."""

    def write(text: str | bytes, which: int = 0) -> Path:
        path = settings_paths()[which]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def refusal() -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    return caught.value


def test_no_file_means_nothing() -> None:
    site = load_settings()
    assert (site.defaults, dict(site.endpoints), site.files) == ({}, dict(ENDPOINTS), [])


def test_the_users_file_wins_over_the_environments_and_that_over_the_systems(write: Write) -> None:
    system = write('[defaults]\nseed = 3\ntop_p = 0.3\ntemperature = 0.3\n[endpoints.a]\nbase_url = "http://x/v1"', 2)
    middle = write('[defaults]\ntop_p = 0.2\ntemperature = 0.2\n[endpoints.a]\nmodel = "m2"\ncontext = 2', 1)
    mine = write("[defaults]\ntemperature = 0.1\n[endpoints.a]\ncontext = 1")
    site = load_settings()
    assert site.files == [mine, middle, system]
    assert {name: told.value for name, told in site.defaults.items()} == {"seed": 3, "top_p": 0.2, "temperature": 0.1}
    sources = {name: told.source for name, told in site.defaults.items()}
    assert sources == {"seed": str(system), "top_p": str(middle), "temperature": str(mine)}
    row = site.endpoints["a"]
    assert (row.base_url, row.model, row.context) == ("http://x/v1", "m2", 1)


def test_a_known_row_changes_only_in_the_fields_that_are_named(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write('[endpoints.navigator]\nmodel = "mine"\nprice_prompt = 2\ntimeout_first_event = 5\nheaders = {X-Mine = "2"}')
    known = replace(ENDPOINTS["navigator"], headers={"X-Ours": "1"})
    monkeypatch.setattr(settings_files, "ENDPOINTS", MappingProxyType({**ENDPOINTS, "navigator": known}))
    row = load_settings().endpoints["navigator"]
    assert (row.model, row.price, row.timeouts.first_event) == ("mine", Price(2, 0.99), 5)
    for name in ("base_url", "key_env", "context", "hint", "dialect", "description"):
        assert getattr(row, name) == getattr(known, name), name
    assert row.timeouts.between_events == known.timeouts.between_events
    assert row.headers == {"X-Ours": "1", "X-Mine": "2"}
    assert list(load_settings().endpoints) == list(ENDPOINTS)


def test_every_field_of_a_new_endpoint(write: Write) -> None:
    write("""
[endpoints.campus]
base_url = "https://llm.campus.invalid/v1"
key_env = "CAMPUS_KEY"
model = "magistral-small"
revision = "2509"
system = false
dialect = "demo"
context = 32_000
price_prompt = 0.5
price_completion = 1.5
headers = {X-Course = "AI 101"}
hint = "Ask the help desk."
label = "For coursework only."
description = "The campus server"
timeout_connect = 1
timeout_first_event = 2.5
timeout_between_events = 3
timeout_total = 4
""")
    row = load_settings().endpoints["campus"]
    assert row == Endpoint(
        name="campus", base_url="https://llm.campus.invalid/v1", key_env="CAMPUS_KEY", model="magistral-small",
        revision="2509", system=False, dialect=ENDPOINTS["demo"].dialect, context=32_000, price=Price(0.5, 1.5),
        timeouts=row.timeouts, headers={"X-Course": "AI 101"}, hint="Ask the help desk.", label="For coursework only.",
        description="The campus server",
    )  # fmt: skip
    limits = row.timeouts
    assert (limits.connect, limits.first_event, limits.between_events, limits.total) == (1, 2.5, 3, 4)


def campus(server: FakeServer, defaults: str = "") -> str:
    return (
        f'[defaults]\nendpoint = "campus"\n{defaults}\n'
        f'[endpoints.campus]\nbase_url = "{server.base_url}"\nkey_env = "CAMPUS_KEY"\nmodel = "row-model"\n'
        'headers = {X-Course = "AI 101"}\n'
    )


def test_a_campus_adds_a_server_without_code(write: Write, server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(campus(server, 'temperature = 0.2\ninstructions = "Be brief."'), 2)
    monkeypatch.setenv("CAMPUS_KEY", SECRET)
    monkeypatch.setenv("MAGISTRAL_API_KEY", "another key")
    server.play(GOOD)
    client = Client()
    client.chat("hi")
    asked = server.requests[0]
    assert (asked.headers["authorization"], asked.headers["x-course"]) == (f"Bearer {SECRET}", "AI 101")
    assert (asked.json()["model"], asked.json()["temperature"]) == ("row-model", 0.2)
    assert "Be brief." in str(asked.json()["messages"][0])
    sources = client.settings.sources
    assert sources["endpoint"] == ("campus", str(path))
    assert sources["temperature"] == (0.2, str(path))
    assert sources["top_p"] == (0.95, "default")
    assert SECRET not in repr(client.settings)


def test_a_new_endpoint_counts_when_its_key_is_set_and_wants_it_when_it_is_not(write: Write) -> None:
    write('[endpoints.campus]\nbase_url = "https://x.invalid/v1"\nkey_env = "CAMPUS_KEY"\nmodel = "m"')
    assert choose_endpoint(None, None, env={"CAMPUS_KEY": "x"}).endpoint.name == "campus"
    with pytest.raises(MissingKeyError, match="CAMPUS_KEY"):
        Client("campus").chat("hi")


def test_a_server_of_this_machine_may_do_without_its_key(write: Write, server: FakeServer) -> None:
    write(campus(server))
    server.play(GOOD)
    Client().chat("hi")
    assert "authorization" not in server.requests[0].headers


def test_a_local_server_may_move_to_another_machine(write: Write) -> None:
    write('[endpoints.vllm]\nbase_url = "https://gpu.campus.invalid/v1"')
    row = load_settings().endpoints["vllm"]
    assert (row.base_url, row.dialect) == ("https://gpu.campus.invalid/v1", ENDPOINTS["vllm"].dialect)


def test_the_key_of_any_address_chooses_no_endpoint(write: Write) -> None:
    write('[endpoints.campus]\nbase_url = "https://x.invalid/v1"\nkey_env = "MAGISTRAL_API_KEY"')
    with pytest.raises(ConfigurationError, match="No endpoint is set up"):
        choose_endpoint(None, None, env={"MAGISTRAL_API_KEY": "x"})


def test_a_row_that_shares_a_key_changes_nothing_for_those_who_have_it(write: Write) -> None:
    write('[endpoints.big]\nbase_url = "https://api.ai.it.ufl.edu/v1"\nkey_env = "NAVIGATOR_API_KEY"')
    assert choose_endpoint(None, None, env={"NAVIGATOR_API_KEY": "x"}).endpoint.name == "navigator"


def test_a_providers_key_follows_no_changed_address_by_itself(write: Write) -> None:
    changed = '[endpoints.navigator]\nbase_url = "https://elsewhere.invalid/v1"\n'
    path = write(changed)
    error = refusal()
    assert f"{path}, line 2" in error.message
    assert 'key_env = "NAVIGATOR_API_KEY"' in error.hint
    write(changed + 'key_env = "NAVIGATOR_API_KEY"')
    assert load_settings().endpoints["navigator"].base_url == "https://elsewhere.invalid/v1"
    write('[endpoints.navigator]\nbase_url = "https://api.ai.it.ufl.edu/v2"')  # the same server
    assert load_settings().endpoints["navigator"].key_env == "NAVIGATOR_API_KEY"


def write_closed(write: Write, text: str, which: int = 0) -> Path:
    path = write("", which)
    path.chmod(0o600)
    return write(text, which)


def test_a_file_is_read_once_and_again_after_a_change(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Path] = []

    def read(path: Path) -> SettingsFile:
        reads.append(path)
        return read_settings_file(path)

    monkeypatch.setattr(settings_files, "read_settings_file", read)
    path = write("[defaults]\nseed = 1")
    assert [load_settings().defaults["seed"].value for _ in range(3)] == [1, 1, 1]
    assert reads == [path]
    write("[defaults]\nseed = 2")
    os.utime(path, (1, 1))
    assert load_settings().defaults["seed"].value == 2
    path.unlink()
    assert load_settings().defaults == {}


def test_nothing_in_the_notebooks_folder_is_ever_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("settings.toml", "magistral_nb/settings.toml", ".config/magistral_nb/settings.toml"):
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("this is read")
    assert load_settings().files == []
    relative = Path(".config/magistral_nb")  # what platformdirs 4.2 says where there is no home
    monkeypatch.setattr("platformdirs.user_config_path", lambda *_, **__: relative)
    assert load_settings().files == []
    with pytest.raises(ConfigurationError, match="absolute"):
        load_settings({"MAGISTRAL_SETTINGS": "settings.toml"})


def test_without_a_home_there_are_no_settings_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home(*_: object, **__: object) -> Path:
        raise RuntimeError("could not determine the home directory")  # what newer ones say

    monkeypatch.setattr("platformdirs.user_config_path", no_home)
    assert load_settings().files == []


def test_one_file_can_be_named_instead_of_the_three(write: Write, tmp_path: Path) -> None:
    write("this file is broken", 2)
    other = tmp_path / "other.toml"
    other.write_text("[defaults]\nseed = 9")
    assert load_settings({"MAGISTRAL_SETTINGS": str(other)}).defaults == {"seed": (9, str(other))}
    assert load_settings({"MAGISTRAL_SETTINGS": os.devnull}).files == []
    with pytest.raises(ConfigurationError, match="no such file"):
        load_settings({"MAGISTRAL_SETTINGS": str(tmp_path / "missing.toml")})


def test_the_examples_of_the_documentation_are_right(write: Write) -> None:
    examples = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/settings.md").read_text("utf-8"), re.DOTALL)
    assert len(examples) >= 2
    for example in examples:
        write_closed(write, example)
        load_settings()


def test_an_edited_file_counts_in_the_next_cell(write: Write, server: FakeServer) -> None:
    server.play(GOOD)
    with notebook() as shell:
        for temperature, course in ((0.2, "AI 101"), (0.4, "AI 102")):
            path = write(campus(server, f"temperature = {temperature}").replace("AI 101", course))
            assert run(shell, "%%magistral\nhi")[0].success
            assert server.requests[-1].json()["temperature"] == temperature
            assert server.requests[-1].headers["x-course"] == course
        _, told, _ = run(shell, "%magistral status")
        assert f"campus  ({path})" in told
        assert f"0.4  ({path})" in told
        write("[defaults\n")
        result, printed, red = run(shell, "%%magistral\nhi")
        assert not result.success
        assert f"{path} is not valid TOML" in printed + red
