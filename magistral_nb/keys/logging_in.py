"""`login` and `logout`: a key is asked for, never shown, and kept in the keyring."""

from __future__ import annotations

import getpass
import os
import warnings
from collections.abc import Callable

from magistral_nb.endpoints import Endpoint
from magistral_nb.errors import ConfigurationError
from magistral_nb.keys.ring import can_keep, keep_in_ring, name_of_ring, take_from_ring
from magistral_nb.settings import Secret


def log_in(row: Endpoint, ask: Callable[[str], str]) -> str:
    """Ask for an endpoint's key, keep it in the keyring, and return what to tell the user.

    `ask` shows its text and returns what was typed, unseen. Raises ConfigurationError if nobody can be asked, or if
    there is no keyring; that is found out first.
    """
    _check(row)
    name_of_ring()
    key = _asked(row, ask)
    ring = keep_in_ring(row, key)
    wins = f" But ${row.key_env} is set, and wins over it." if os.environ.get(row.key_env or "") else ""
    return f"The key for {row.name} is kept in the keyring ({ring}).{wins}"


def log_out(row: Endpoint) -> str:
    """Take an endpoint's key out of the keyring, and return what to tell the user. Raises ConfigurationError."""
    _check(row)
    there = take_from_ring(row)
    told = f"The key for {row.name} is no longer in the keyring." if there else f"No key for {row.name} was there."
    return f"{told} ${row.key_env} is still set." if os.environ.get(row.key_env or "") else told


def type_unseen(prompt: str) -> str:
    """Return what a person types, unseen. Raises EOFError where nobody could type without being seen."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(prompt)
        except getpass.GetPassWarning:
            raise EOFError from None


def _check(row: Endpoint) -> None:
    if not can_keep(row):
        way = f"If it was started with a key, set ${row.key_env}." if row.key_env else "It needs none."
        raise ConfigurationError(f"No key is kept for {row.name}.", hint=way, endpoint=row.name)


def _asked(row: Endpoint, ask: Callable[[str], str]) -> Secret:
    """Return the key that was typed. No frame that raises holds it."""
    hint = row.hint and f" ({row.hint})"
    try:
        key = Secret(ask(f"Key for {row.name}{hint}: "), source="what was typed")
    except (EOFError, KeyboardInterrupt):
        raise ConfigurationError("No key was typed, and nothing was kept.") from None
    return key.usable()
