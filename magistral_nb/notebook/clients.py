"""The clients of a notebook: one for each place, kept so that connections and engines are used again."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from magistral_nb.call_settings import CallSettings
from magistral_nb.cassettes import running
from magistral_nb.choosing import Choice, choose_endpoint, choose_to_look, find_key
from magistral_nb.client import Client
from magistral_nb.errors import MissingKeyError
from magistral_nb.keys.variables import required_key
from magistral_nb.notebook.options import settings_of
from magistral_nb.settings import Secret


class Clients:
    """Makes a client for what a cell wants, or finds the one that was made before."""

    def __init__(self) -> None:
        self._made: dict[tuple[object, ...], Client] = {}

    def client_for(
        self, given: Mapping[str, Any], configured: Mapping[str, Any], *, only_to_look: bool = False
    ) -> tuple[Client, CallSettings]:
        """Return the client for a question, and its settings: what the cell gave wins over what is configured.

        To look at a prompt needs no key, and asks nobody.
        """
        if "endpoint" in given or "base_url" in given:  # a place named in the cell is not mixed with a configured one
            configured = {**configured, "endpoint": None, "base_url": None, "key_env": None}
        wanted = {**configured, **given}
        choose = choose_to_look if only_to_look else choose_endpoint
        where = wanted["endpoint"], wanted["base_url"]
        choice = running.choose(lambda: choose(*where, model=wanted["model"]), *where)
        if wanted.get("allow_insecure"):
            choice = replace(choice, endpoint=replace(choice.endpoint, allow_insecure=True))
        key = None if only_to_look else _key_if_needed(choice, wanted["key_env"])
        row = choice.endpoint
        place = (row.name, row.base_url, row.allow_insecure, hash(key.reveal()) if key else None)
        if place not in self._made:
            self._made[place] = Client(choice.endpoint, api_key=key)
        self._made[place].adopt(choice)  # its reasons and its defaults may have changed since the last cell
        return self._made[place], settings_of(Namespace(**wanted))

    def close(self) -> None:
        """Let go of every connection and engine."""
        for client in self._made.values():
            client.close()
        self._made.clear()


def _key_if_needed(choice: Choice, key_env: str | None) -> Secret | None:
    """Return the key, or None where a cassette answers; it is needed only if the cassette may ask live, and does."""
    playing = running.playing()
    if playing is None:
        return _key(choice, key_env)
    try:
        return _key(choice, key_env) if playing.on_miss == "live" else None
    except MissingKeyError:
        return None


def _key(choice: Choice, key_env: str | None) -> Secret | None:
    return required_key(key_env) if key_env else find_key(choice.endpoint, None)
