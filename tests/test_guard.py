"""The floor under all tests: what tries to leave this machine fails, and nothing of this person gets in."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_server import FakeServer, Script
from tests.network_guard import LeftTheMachineError

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parent.parent
ELSEWHERE = "203.0.113.7"  # reserved for documentation (RFC 5737): nobody is there
ELSEWHERE_V6 = "2001:db8::7"  # likewise (RFC 3849)


@pytest.fixture
def forgiven(network_guard: list[str]) -> Iterator[list[str]]:
    """What the guard wrote down, for tests that try to leave on purpose."""
    yield network_guard
    network_guard.clear()


@pytest.mark.parametrize("address", [ELSEWHERE, "::ffff:" + ELSEWHERE, ELSEWHERE_V6, "192.168.0.1", "example.com"])
@pytest.mark.parametrize("method", ["connect", "connect_ex"])
def test_a_connect_to_elsewhere_is_refused(address: str, method: str, forgiven: list[str]) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as connection, pytest.raises(LeftTheMachineError):
        getattr(connection, method)((address, 80))
    assert address in forgiven[0]


def test_a_datagram_to_elsewhere_is_refused(forgiven: list[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender, pytest.raises(LeftTheMachineError):
        sender.sendto(b"hello", (ELSEWHERE, 53))
    assert forgiven


@pytest.mark.parametrize("look_up", [lambda name: socket.getaddrinfo(name, 443), socket.gethostbyname])
def test_a_name_of_elsewhere_is_not_looked_up(look_up: object, forgiven: list[str]) -> None:
    assert callable(look_up)
    with pytest.raises(LeftTheMachineError):
        look_up("api.example.com")
    assert forgiven == ["look up api.example.com"]


@pytest.mark.parametrize("host", [ELSEWHERE, "example.com"])
async def test_asyncio_is_watched_too(host: str, forgiven: list[str]) -> None:
    with pytest.raises(LeftTheMachineError):
        await asyncio.open_connection(host, 80)
    assert forgiven


def test_an_invalid_name_fails_as_on_any_network(network_guard: list[str]) -> None:
    with pytest.raises(socket.gaierror):
        socket.create_connection(("collect.invalid", 80))
    assert network_guard == []


def test_loopback_and_unix_sockets_are_left_alone(
    network_guard: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeServer() as server:
        server.play(Script(b"here"))
        for host in ("127.0.0.1", "localhost"):
            socket.create_connection((host, server.port)).close()
    monkeypatch.chdir(tmp_path)  # a Unix socket's path may not be longer than about 100 characters
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
        listener.bind("door")
        listener.listen()
        client.connect("door")
    assert network_guard == []


SWALLOWING = f"""
import socket

def test_that_hides_what_it_did():
    try:
        socket.create_connection(("{ELSEWHERE}", 80), timeout=1)
    except BaseException:
        pass

def test_that_stays_at_home():
    pass
"""


LOOKING_AROUND = """
import os
from pathlib import Path

def test_what_is_there(tmp_path):
    kept = {"MAGISTRAL_MODEL", "TOGETHER_API_KEY", "HF_TOKEN", "https_proxy", "NO_PROXY"} & set(os.environ)
    assert kept == set()
    homes = "HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_CACHE_HOME IPYTHONDIR JUPYTER_CONFIG_DIR"
    for name in homes.split():
        assert Path(os.environ[name]).is_relative_to(tmp_path.parent), name
"""


def test_a_test_that_swallows_the_refusal_fails_and_none_sees_keys_proxies_or_the_real_home(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name in ("MAGISTRAL_MODEL", "TOGETHER_API_KEY", "HF_TOKEN", "https_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "something")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/etc")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # they take longer to import than all the rest
    pytester.makepyfile(test_swallowing=SWALLOWING, test_looking_around=LOOKING_AROUND)
    result = pytester.runpytest_subprocess("-p", "tests.conftest")
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines([f"*tried to leave this machine: connect {ELSEWHERE} port 80*"])
