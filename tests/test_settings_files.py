"""Settings files: who wins, what they may say, and what a person reads whose file is not right."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from magistral_nb import ENDPOINTS, Client, ConfigurationError, Endpoint, MissingKeyError, settings_files
from magistral_nb.choosing import choose_endpoint
from magistral_nb.costs import Price
from magistral_nb.reports import endpoints_report, status_report
from magistral_nb.settings_files import load_settings, settings_paths
from magistral_nb.settings_format import SettingsFile, line_of, read_settings_file
from magistral_nb.settings_text import MOST_BYTES
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


def test_argument_over_environment_over_file_over_row_over_ours(
    write: Write, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.play(GOOD)

    def asked(client: Client, **call: float) -> tuple[str, float]:
        client.chat("hi", **call)  # type: ignore[arg-type]  # temperature only
        body = server.requests[-1].json()
        return body["model"], body["temperature"]

    write(campus(server))
    assert asked(Client()) == ("row-model", 0.7)
    write(campus(server, 'model = "file-model"\ntemperature = 0.2'))
    assert asked(Client()) == ("file-model", 0.2)
    assert asked(Client("campus")) == ("file-model", 0.2)
    monkeypatch.setenv("MAGISTRAL_MODEL", "env-model")
    assert asked(Client()) == ("env-model", 0.2)
    assert asked(Client(model="mine", temperature=0.7)) == ("mine", 0.7)  # 0.7 is ours too, but somebody said it
    assert asked(Client(temperature=0.7), temperature=1) == ("env-model", 1)


def test_an_argument_that_equals_our_default_still_wins(write: Write) -> None:
    write('[defaults]\nmax_retries = 5\nkeep_thinking = "all"\nsystem = "Be brief."\ntop_p = 0.5')
    own = Client("demo", max_retries=2, keep_thinking="none", system="default", top_p=0.95).settings
    assert (own.max_retries, own.keep_thinking, own.system, own.top_p) == (2, "none", "default", 0.95)
    assert Client("demo", system=None).settings.system is None
    told = Client("demo").settings
    assert (told.max_retries, told.keep_thinking, told.system, told.top_p) == (5, "all", "Be brief.", 0.5)


def test_a_model_belongs_to_the_endpoint_that_the_files_name(write: Write) -> None:
    write('[defaults]\nendpoint = "navigator"\nmodel = "for-navigator"\nseed = 7', 2)
    assert Client().settings.model == "for-navigator"
    assert Client("navigator").settings.model == "for-navigator"
    elsewhere = Client("demo").settings
    assert (elsewhere.model, elsewhere.seed) == (ENDPOINTS["demo"].model, 7)
    assert Client(base_url="http://127.0.0.1:9/v1").settings.model is None
    write('[defaults]\nendpoint = "demo"')  # whoever names another endpoint wants its model, not the system's
    assert Client().settings.model == ENDPOINTS["demo"].model
    write('[defaults]\nendpoint = "demo"\nmodel = "mine"')
    assert Client().settings.model == "mine"


def test_the_environment_names_an_endpoint_over_the_files(write: Write) -> None:
    write('[defaults]\nendpoint = "demo"')
    assert choose_endpoint(None, None, env={"MAGISTRAL_ENDPOINT": "together"}).endpoint.name == "together"
    assert choose_endpoint(None, None, env={"NAVIGATOR_API_KEY": "x"}).endpoint.name == "demo"


def test_a_model_with_no_endpoint_goes_with_the_key_that_is_set(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write('[defaults]\nmodel = "mine"')
    choice = choose_endpoint(None, None, env={"TOGETHER_API_KEY": "x"})
    assert (choice.endpoint.name, choice.defaults["model"]) == ("together", ("mine", str(path)))
    monkeypatch.setenv("TOGETHER_API_KEY", "x")
    assert Client().settings.model == "mine"
    monkeypatch.setenv("MAGISTRAL_MODEL", "of the environment")
    assert Client().settings.model == "of the environment"
    assert "model" not in choose_endpoint("demo", None, env={}).defaults


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


CAMPUS = '[endpoints.campus]\nbase_url = "https://x.invalid/v1"\n'
BAD = {
    "syntax": ("[defaults]\nseed = \n", 2, "TOML"),
    "twice": ("[defaults]\nseed = 1\nseed = 2\n", 3, "TOML"),
    "unknown table": ("[defaults]\n\n[default]\nseed = 1\n", 3, "'defaults'"),
    "outside a table": ("temperature = 0.5\n", 1, "[defaults]"),
    "defaults is no table": ("defaults = 1\n", 1, "[defaults]"),
    "a list of tables": ("[[endpoints]]\nname = 1\n", 1, "[endpoints.NAME]"),
    "no name": ('[endpoints]\nbase_url = "http://x/v1"\n', 2, "[endpoints.campus]"),
    "unknown default": ("[defaults]\n# a comment\ntemprature = 0.5\n", 3, "'temperature'"),
    "unknown field": (CAMPUS + 'modle = "m"\n', 3, "'model'"),
    "wrong type": ('[defaults]\ntemperature = "hot"\n', 2, "a number from 0 to 2"),
    "a flag is no number": ("[defaults]\nmax_tokens = true\n", 2, "a whole number"),
    "nor a temperature": ("[defaults]\ntemperature = true\n", 2, "a number from 0 to 2"),
    "the second of two": (CAMPUS + 'model = "m"\n[endpoints.b]\nbase_url = "http://x/v1"\nmodel = 5\n', 6, "text"),
    "out of range": ("[defaults]\nseed = 1\ntemperature = 3.0\n", 3, "from 0 to 2"),
    "not a number": ("[defaults]\ntop_p = nan\n", 2, "from 0 to 1"),
    "endless": ("[defaults]\ntimeout = inf\n", 2, "seconds"),
    "a choice": ('[defaults]\nkeep_thinking = "some"\n', 2, '"last"'),
    "an address in defaults": ('[defaults]\nbase_url = "http://x/v1"\n', 2, "[endpoints.NAME]"),
    "a key": (f'[defaults]\napi_key = "{SECRET}"\n', 2, "key_env"),
    "a key in an endpoint": (CAMPUS + f'key = "{SECRET}"\n', 3, "api_key"),
    "a key that others can read": (CAMPUS + f'api_key = "{SECRET}"\n', 3, "chmod 600"),
    "a key on two lines": (CAMPUS + f'api_key = """{SECRET}\n"""\n', 3, "no line break"),
    "no key": (CAMPUS + 'api_key = " "\n', 3, "a key in quotes"),
    "a number for a key": (CAMPUS + "api_key = 5\n", 3, "a key in quotes"),
    "no flag": (CAMPUS + "allow_insecure = 1\n", 3, "true or false"),
    "a key at the top": (f'api_key = "{SECRET}"\n', 1, "key_env"),
    "a key for a variable": (CAMPUS + f'key_env = "{SECRET}"\n', 3, "environment variable"),
    "a long key for a variable": (CAMPUS + f'key_env = "{"a1b2c3d4" * 8}"\n', 3, "environment variable"),
    "a key in a header": (CAMPUS + f'headers = {{Authorization = "Bearer {SECRET}"}}\n', 3, "key_env"),
    "a broken header": (CAMPUS + 'headers = {X-A = "a\\r\\nX-B: b"}\n', 3, "a table of texts"),
    "no web address": ('[endpoints.campus]\nbase_url = "ftp://x/v1"\n', 2, "http://"),
    "no host": ('[endpoints.campus]\nbase_url = "https:///v1"\n', 2, "http://"),
    "a password": (f'[endpoints.campus]\nbase_url = "https://me:{SECRET}@x.invalid/v1"\n', 2, "no password"),
    "no address": ('[endpoints.campus]\nmodel = "m"\n', 1, "base_url"),
    "a misspelt row": ("\n[endpoints.navigater]\ncontext = 5\n", 2, "[endpoints.navigator]"),
    "an empty table": ("[endpoints.navigater]\n", 1, "[endpoints.navigator]"),
    "a strange name": ('[endpoints."my server"]\nbase_url = "http://x/v1"\n', 1, "letters"),
    "a name with a meaning": ('[endpoints.auto]\nbase_url = "http://x/v1"\n', 1, "auto"),
    "an unknown dialect": (CAMPUS + 'dialect = "navigatr"\n', 3, "'navigator'"),
    "half a price": (CAMPUS + "price_prompt = 1\n", 3, "price_completion"),
    "a negative price": (CAMPUS + "price_prompt = -1\nprice_completion = 1\n", 3, "USD"),
    "deep": ("a = " + "[" * 5000, None, "nested"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_named_with_its_line_and_the_way_out(write: Write, case: str) -> None:
    text, line, way_out = BAD[case]
    path = write(text, 2)
    error = refusal()
    assert str(path) in error.message
    assert way_out in str(error)
    if line:
        assert re.search(rf"\bline {line}\b", error.message), error.message
    assert SECRET not in str(error)
    with pytest.raises(ConfigurationError):
        Client("demo").settings  # noqa: B018  reading it is the test


def test_a_key_in_a_bad_file_is_in_no_frame_of_the_error(write: Write) -> None:
    """`%xmode Verbose` prints the local variables of every frame."""
    for case in (
        "a key",
        "a key in an endpoint",
        "a key that others can read",
        "a key on two lines",
        "a password",
        "a key in a header",
    ):
        write(BAD[case][0])
        frames = [frame for frame, _ in traceback.walk_tb(refusal().__traceback__)]
        seen = [repr(value) for frame in frames[1:] for value in frame.f_locals.values()]
        assert len(frames) > 1
        assert SECRET not in "".join(seen), case


KEYED = '[endpoints.campus]\nbase_url = "{}"\nmodel = "m"\napi_key = "{}"\n'


def write_closed(write: Write, text: str, which: int = 0) -> Path:
    path = write("", which)
    path.chmod(0o600)
    return write(text, which)


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


def test_files_that_cannot_be_read_are_named(write: Write) -> None:
    path = write(b'[defaults]\n\ninstructions = "caf\xe9"\n')
    assert f"{path}, line 3" in refusal().message
    write(b"#" * (MOST_BYTES + 1))
    assert "larger" in refusal().message
    path.unlink()
    os.mkfifo(path)  # reading it would wait for ever
    assert f"{path} is no file" in refusal().message
    path.unlink()
    path.mkdir()
    assert f"{path} is no file" in refusal().message
    path.rmdir()
    if os.geteuid():
        path.touch(0o000)
    else:
        path.symlink_to("/proc/self/mem")  # even root cannot read that
    assert f"{path} cannot be read" in refusal().message


def test_windows_line_ends_and_a_byte_order_mark_are_fine(write: Write) -> None:
    write(b"\xef\xbb\xbf[defaults]\r\nseed = 5\r\n")
    assert load_settings().defaults["seed"].value == 5
    write(b"[defaults]\r\nseed = 5\r\nsede = 6\r\n")
    assert "line 3" in refusal().message


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


TEXT = '''# endpoint = 1
[defaults]   # a table
system = """
seed = 1
[endpoints.a]
"""
stop = [
  "x",   # seed = 2
]
"seed" = 3
'model' = "m"

[endpoints]
a = {base_url = "http://x", model = "m"}
[endpoints.b]
headers.X-A = "1"
'''


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ("defaults", 2), ("defaults system", 3), ("defaults stop", 7), ("defaults seed", 10), ("defaults model", 11),
        ("endpoints a model", 14), ("endpoints b", 15), ("endpoints b headers X-A", 16), ("endpoints c", None),
    ],
)  # fmt: skip
def test_the_line_of_a_key(keys: str, line: int | None) -> None:
    assert line_of(TEXT, tuple(keys.split())) == line


def test_an_unknown_line_is_said_to_be_unknown(write: Write) -> None:
    write("[defaults]\nstop = [\n" + '"x",\n' * 300 + "]\nsede = 1\n")
    message = refusal().message
    assert "line unknown" in message
    assert "defaults.sede" in message


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
