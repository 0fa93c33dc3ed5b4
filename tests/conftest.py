"""What every test gets: an environment with nothing in it, a guard at the door, and a server to talk to."""

from __future__ import annotations

import gc
import itertools
import os
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from magistral_nb import scrubbing
from tests.fake_server import FakeServer
from tests.network_guard import network_guard

__all__ = ["network_guard"]

# jsonschema looks for this package, for formats that nothing here checks; it builds 38 grammars when it is imported,
# which takes two seconds. Where it is not installed, jsonschema does without.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # None is how Python spells "not there"

_FAMILIES = ("MAGISTRAL_", "OPENAI_", "JUPYTER_")
_ENDINGS = ("_API_KEY", "_PROXY")
_NAMES = ("HF_TOKEN", "LM_API_TOKEN", "SSL_CERT_FILE", "SSL_CERT_DIR", "NO_COLOR", "FORCE_COLOR")
_HOMES = {
    "HOME": "",
    "XDG_CONFIG_HOME": "config",
    "XDG_DATA_HOME": "data",
    "XDG_CACHE_HOME": "cache",
    "XDG_STATE_HOME": "state",
    "IPYTHONDIR": "ipython",
    "JUPYTER_CONFIG_DIR": "jupyter",
}


def _clean(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Forget what this person has set up on this machine, and send what is written to `home`."""
    for name in list(os.environ):
        upper = name.upper()  # http_proxy counts as much as HTTP_PROXY
        if upper.startswith(_FAMILIES) or upper.endswith(_ENDINGS) or upper in _NAMES:
            monkeypatch.delenv(name)
    for name, folder in _HOMES.items():
        monkeypatch.setenv(name, str(home / folder))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")  # nobody's own is ever asked


_numbers = itertools.count()
_TESTS = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out whole folders of tests that plain `pytest` would not run: to import them alone takes seconds."""
    leaves_out = str(config.getoption("markexpr"))
    name = collection_path.name
    return True if collection_path.parent == _TESTS and f"not {name}" in leaves_out else None


def pytest_collection_finish() -> None:
    """Keep thousands of tests out of every later collection of garbage: IPython asks for one at each new session."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of all homes. `mktemp` would look through it again for each of thousands of tests."""
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(scope="session", autouse=True)
def clean_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Clean the environment for what lives longer than a test, such as a JupyterLab for many."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        _clean(monkeypatch, tmp_path_factory.mktemp("session-home"))
        yield


@pytest.fixture(autouse=True)
def clean_environment(clean_session: None, monkeypatch: pytest.MonkeyPatch, homes: Path) -> None:
    """Give each test a home of its own, with no keys, no proxies, no settings and no secrets."""
    monkeypatch.setattr(scrubbing, "_known", None)  # the secrets of one test are no secrets of the next
    home = homes / str(next(_numbers))
    home.mkdir()
    _clean(monkeypatch, home)


@pytest.fixture(scope="module", autouse=True)
def no_model_is_left() -> Iterator[None]:
    """Blame the file that leaves a model loaded: the tests after it would meet its engine, and fail in its place."""
    yield
    for name in ("llamacpp_sharing", "transformers_sharing"):
        sharing = sys.modules.get(f"magistral_nb.transports.{name}")
        assert not sharing or not sharing.SHELF.in_use(), "a test of this file left a model loaded: close its client"


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """Give a server that plays what it is told (see `fake_server`)."""
    with FakeServer() as server:
        yield server


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Give a certificate authority that nobody trusts yet, as on a campus."""
    return trustme.CA()


@pytest.fixture
def secure_server(authority: trustme.CA) -> Iterator[FakeServer]:
    """Give a server that speaks TLS, with a certificate of `authority`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    with FakeServer(tls=context) as server:
        yield server
