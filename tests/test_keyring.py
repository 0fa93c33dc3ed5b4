"""Keys in the keyring: kept, found at the first question, and never waited for where nobody can unlock it."""

from __future__ import annotations

import asyncio
import getpass
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.chainer import ChainerBackend
from keyring.errors import KeyringLocked, PasswordDeleteError

from magistral_nb import Client, ConfigurationError, Endpoint, MissingKeyError
from magistral_nb.choosing import choose_endpoint, find_key
from magistral_nb.cli import main
from magistral_nb.keys import ring
from magistral_nb.reports import endpoints_report, status_report
from magistral_nb.settings_files import settings_paths
from tests.fake_server import FakeServer
from tests.test_client import GOOD

KEY = "sk-typed-0123456789abcdef"


class Ring(KeyringBackend):
    """A keyring in memory, which counts how often it is asked."""

    priority = 1
    name = "test keyring"

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring has no types here
        self.kept: dict[tuple[str, str], str] = {}
        self.asked: list[str] = []
        self.failure: Exception | None = None
        self.lock: threading.Event | None = None

    def get_password(self, service: str, username: str) -> str | None:
        self.asked.append(username)
        if self.lock:
            self.lock.wait(20)
        if self.failure:
            raise self.failure
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError


class EncryptedKeyring(Ring):
    """Has the name of one that asks for a password in the terminal."""


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ring]:
    monkeypatch.setattr(ring, "_found", {})
    monkeypatch.setattr(ring, "_silent", {})
    before, mine = keyring.get_keyring(), Ring()
    keyring.set_keyring(mine)
    yield mine
    keyring.set_keyring(before)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let a person sit at the terminal who types the key; return what they were asked."""
    prompts: list[str] = []

    def typing(prompt: str) -> str:
        prompts.append(prompt)
        return f" {KEY}\n"

    monkeypatch.setattr("getpass.getpass", typing)
    return prompts


def navigator() -> Endpoint:
    return choose_endpoint("navigator", None).endpoint


def test_a_key_that_was_typed_is_found_and_forgotten(
    kept: Ring, typed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["login", "navigator"]) == 0
    assert typed[0].startswith("Key for navigator")
    assert kept.kept == {("magistral_nb", "navigator"): KEY}
    key = find_key(navigator(), None)
    assert key is not None
    assert (key.reveal(), key.source) == (KEY, "the keyring")
    told = status_report(Client("navigator").settings)
    assert "<set, from the keyring>" in told
    assert main(["logout", "navigator"]) == main(["logout", "navigator"]) == 0
    with pytest.raises(MissingKeyError, match="login navigator"):
        find_key(navigator(), None)
    out, err = capsys.readouterr()
    assert "kept in the keyring (test keyring)" in out
    assert "no longer in the keyring" in out
    assert "No key for navigator was there" in out
    assert KEY not in out + err + told


def test_argument_over_environment_over_keyring_over_file(kept: Ring) -> None:
    path = settings_paths()[0]
    path.parent.mkdir(parents=True)
    path.touch(0o600)
    path.write_text('[endpoints.navigator]\napi_key = "sk-file-01234567"')
    kept.kept["magistral_nb", "navigator"] = KEY
    env = {"NAVIGATOR_API_KEY": "sk-env-01234567"}
    found = [
        find_key(navigator(), "sk-given-01234567", env=env), find_key(navigator(), None, env=env),
        find_key(navigator(), None, env={}),
    ]  # fmt: skip
    assert [key and key.source for key in found] == ["api_key=", "$NAVIGATOR_API_KEY", "the keyring"]
    assert kept.asked == ["navigator"]  # for the last alone
    ring.forget_answers("navigator")
    kept.kept.clear()
    last = find_key(navigator(), None, env={})
    assert last is not None
    assert (last.reveal(), last.source) == ("sk-file-01234567", str(path))


def test_it_is_asked_at_the_first_question_once_and_for_this_endpoint_only(kept: Ring) -> None:
    client = Client("navigator")
    assert client.endpoint.name == "navigator"
    client.preview("hi")
    endpoints_report(look_around=False)
    assert kept.asked == []
    kept.kept["magistral_nb", "navigator"] = KEY
    for _ in range(3):
        assert find_key(navigator(), None) is not None
    assert kept.asked == ["navigator"]


def test_a_kept_key_chooses_no_endpoint(kept: Ring) -> None:
    kept.kept["magistral_nb", "navigator"] = KEY
    with pytest.raises(ConfigurationError, match="No endpoint is set up"):
        choose_endpoint(None, None)
    assert kept.asked == []


def test_servers_of_this_machine_and_addresses_of_ones_own_ask_no_keyring(kept: Ring, server: FakeServer) -> None:
    server.play(GOOD)
    kept.kept["magistral_nb", "navigator"] = KEY
    for client in (
        Client(base_url=server.base_url, model="m"), Client("navigator", base_url=server.base_url),
        Client("vllm", base_url=server.base_url, model="m"),
    ):  # fmt: skip
        client.chat("hi")
        assert "authorization" not in server.requests[-1].headers
    assert find_key(choose_endpoint(None, "https://llm.invalid/v1").endpoint, None) is None
    assert kept.asked == []


def test_a_key_belongs_to_the_server_it_was_typed_for(kept: Ring, typed: list[str]) -> None:
    path = settings_paths()[0]
    path.parent.mkdir(parents=True)
    table = '[endpoints.{}]\nbase_url = "https://{}/v1"\nkey_env = "{}"\n'
    path.write_text(table.format("campus", "llm.campus.invalid", "CAMPUS_KEY"))
    main(["login", "campus"])
    main(["login", "navigator"])
    assert find_key(choose_endpoint("campus", None).endpoint, None) is not None
    for name, variable in (("campus", "CAMPUS_KEY"), ("navigator", "NAVIGATOR_API_KEY")):
        path.write_text(table.format(name, "elsewhere.invalid", variable))
        with pytest.raises(MissingKeyError):
            find_key(choose_endpoint(name, None).endpoint, None)


def test_a_keyring_that_does_not_answer_holds_nobody_up(kept: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring, "_patience", lambda: 0.05)
    kept.lock = threading.Event()
    for _ in range(3):
        with pytest.raises(MissingKeyError, match="it may be locked"):
            find_key(navigator(), None)
    assert kept.asked == ["navigator"]
    kept.lock.set()


def test_a_keyring_that_fails_is_said_to_fail_and_what_it_says_is_not_repeated(kept: Ring, typed: list[str]) -> None:
    kept.failure = KeyringLocked(f"cannot keep {KEY}")
    with pytest.raises(MissingKeyError, match=r"failed \(KeyringLocked\)"):
        find_key(navigator(), None)
    assert main(["login", "navigator"]) == 1


def test_one_that_asks_in_the_terminal_is_passed_over(kept: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = EncryptedKeyring()
    keyring.set_keyring(asking)
    with pytest.raises(MissingKeyError):
        find_key(navigator(), None)
    chain = ChainerBackend()  # type: ignore[no-untyped-call]  # keyring has no types here
    monkeypatch.setattr(ChainerBackend, "backends", [asking, kept])
    keyring.set_keyring(chain)
    ring.forget_answers("navigator")
    kept.kept["magistral_nb", "navigator"] = KEY
    assert find_key(navigator(), None) is not None
    assert asking.asked == []


def test_the_keyring_does_not_hold_up_an_event_loop(kept: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_on: list[bool] = []

    def key_in_ring(row: Endpoint) -> None:
        try:
            asyncio.get_running_loop()
            looked_on.append(True)
        except RuntimeError:
            looked_on.append(False)

    monkeypatch.setattr("magistral_nb.choosing.key_in_ring", key_in_ring)
    with pytest.raises(MissingKeyError):
        asyncio.run(Client("navigator").achat("hi"))
    assert looked_on[0] is False


NO_PACKAGE = """
import sys
sys.modules["keyring"] = None
from magistral_nb.cli import main
sys.exit(main(["login", "navigator"]))
"""


def test_without_the_package_a_person_reads_what_to_install_before_typing() -> None:
    told = subprocess.run([sys.executable, "-c", NO_PACKAGE], input="", capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert "pip install 'magistral_nb[keyring]'" in told.stderr
    assert "Key for" not in told.stdout + told.stderr


@pytest.mark.parametrize("name", ["demo", "ollama", "vllm"])
def test_where_no_key_is_needed_none_is_asked_for(kept: Ring, typed: list[str], name: str) -> None:
    assert main(["login", name]) == 1
    assert typed == []


@pytest.mark.parametrize(
    ("given", "told"),
    [("", "No key was typed"), (" \n", "is empty"), ("sk-é-0123456789\n", "characters that no key has")],
)
def test_what_is_no_key_is_not_kept(
    kept: Ring, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], given: str, told: str
) -> None:
    monkeypatch.setattr("sys.stdin", Pipe(given))
    monkeypatch.setattr("getpass.getpass", nobody_types)
    assert main(["login", "navigator"]) == 1
    err = capsys.readouterr().err
    assert told in err
    assert "0123456789" not in err
    assert kept.kept == {}


def nobody_types(prompt: str) -> str:
    warnings.warn("Can not control echo on the terminal.", getpass.GetPassWarning, stacklevel=2)
    raise AssertionError("a key would have been seen")


class Pipe:
    def __init__(self, line: str) -> None:
        self.readline: Callable[[], str] = lambda: line

    def isatty(self) -> bool:
        return False
