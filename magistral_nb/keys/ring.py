"""Keys in the keyring of the operating system, by the `keyring` package: one for each endpoint and its server.

A keyring may be locked and ask for a password, or hang where there is no desktop. So it is asked in a thread of its
own, for a limited time; and one that asks in the terminal is not asked at all.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from magistral_nb.endpoints import ENDPOINTS, Endpoint
from magistral_nb.errors import ConfigurationError
from magistral_nb.keys.variables import PLAIN_KEY
from magistral_nb.settings import Secret
from magistral_nb.transports.addresses import is_loopback

SERVICE: Final = "magistral_nb"
"""The name under which keys are kept; the account is the endpoint's name."""
_ASK_IN_THE_TERMINAL: Final = ("EncryptedKeyring", "CryptFileKeyring")
_OTHER_WAYS: Final = "Without a keyring, set the environment variable, or write api_key into your own settings file."

Answer = TypeVar("Answer")
_found: dict[str, Secret] = {}
_silent: dict[str, str] = {}


def account_of(row: Endpoint) -> str:
    """Return the name under which an endpoint's key is kept.

    It holds the server, unless that is the provider's own: a key follows no endpoint that a settings file takes
    elsewhere.
    """
    known = ENDPOINTS.get(row.name)
    server = _server(row.base_url)
    return row.name if known and _server(known.base_url) == server else f"{row.name} at {server}"


def can_keep(row: Endpoint) -> bool:
    """Say whether an endpoint's key may be in the keyring: that of a server on this machine is not looked for there."""
    return row.key_env not in (None, PLAIN_KEY) and not is_loopback(row.base_url)


def key_in_ring(row: Endpoint) -> Secret | None:
    """Return the key that `login` kept for an endpoint, or None. It is looked up once."""
    account = account_of(row)
    if not can_keep(row) or account in _silent:
        return None
    if account not in _found:
        try:
            value = _ask(lambda ring: ring.get_password(SERVICE, account))
        except ConfigurationError as error:  # none is installed, or it does not answer: so there is no key in it
            _silent[account] = error.message
            return None
        if not value:
            return None
        _found[account] = Secret(value, source="the keyring")
    return _found[account]


def why_silent(row: Endpoint) -> str:
    """Return why the keyring said nothing about an endpoint's key, or "" if it did, or if there is none."""
    told = _silent.get(account_of(row), "")
    return "" if told.startswith("No keyring") else told


def keep_in_ring(row: Endpoint, key: Secret) -> str:
    """Keep a key for an endpoint, and return the name of the keyring. Raises ConfigurationError if that fails."""
    account = account_of(row)
    forget_answers(account)

    def keep(ring: Any) -> bool:
        ring.set_password(SERVICE, account, key.reveal())
        return bool(ring.get_password(SERVICE, account) == key.reveal())

    if not _ask(keep):
        raise ConfigurationError("The keyring took the key and did not keep it.", hint=_OTHER_WAYS)
    return name_of_ring()


def take_from_ring(row: Endpoint) -> bool:
    """Take an endpoint's key out of the keyring; return whether there was one. Raises ConfigurationError."""
    account = account_of(row)
    forget_answers(account)

    def take(ring: Any) -> bool:
        if ring.get_password(SERVICE, account) is None:
            return False
        ring.delete_password(SERVICE, account)
        return True

    return _ask(take)


def name_of_ring() -> str:
    """Return what the keyring calls itself. Raises ConfigurationError if there is none."""
    return str(getattr(_ring(), "name", "keyring"))


def forget_answers(account: str) -> None:
    """Look into the keyring anew at the next question."""
    _found.pop(account, None)
    _silent.pop(account, None)


def _ring() -> Any:
    """Return the keyring to use, or the first of several that does not ask in the terminal."""
    try:
        import keyring
        import keyring.backends.fail
    except ImportError:
        raise ConfigurationError(
            "No keyring can be used: the package keyring is not installed.",
            hint=f"pip install 'magistral_nb[keyring]' brings it. {_OTHER_WAYS}",
        ) from None
    chosen = keyring.get_keyring()
    several = list(getattr(chosen, "backends", ())) or [chosen]
    for ring in several:
        if type(ring).__name__ not in _ASK_IN_THE_TERMINAL and not isinstance(ring, keyring.backends.fail.Keyring):
            return ring
    raise ConfigurationError(
        "No keyring can be used here: none runs, or it would ask for a password in the terminal.",
        hint=f"On a server without a desktop that is usual. {_OTHER_WAYS}",
    )


def _ask(work: Callable[[Any], Answer]) -> Answer:
    """Return what the keyring answers. Raises ConfigurationError if it fails, or does not answer in time."""
    ring = _ring()
    answers: list[Answer] = []
    failures: list[str] = []

    def ask() -> None:
        try:
            answers.append(work(ring))
        except Exception as error:  # each keyring has errors of its own; their words may hold anything
            failures.append(type(error).__name__)

    # A daemon, so that a keyring that hangs holds up neither this question nor the end of the process.
    thread = threading.Thread(target=ask, name="magistral_nb keyring", daemon=True)
    thread.start()
    thread.join(_patience())
    if answers:
        return answers[0]
    why = f"it failed ({failures[0]})" if failures else "it did not answer; it may be locked"
    raise ConfigurationError(f"The keyring could not be used: {why}.", hint=_OTHER_WAYS)


def _patience() -> float:
    """Return how long to wait, in seconds: on a desktop, a person may have to unlock the keyring first."""
    has_desktop = sys.platform != "linux" or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
    return 60.0 if has_desktop else 5.0


def _server(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()
