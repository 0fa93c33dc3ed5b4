"""What `%magistral status` and `python -m magistral_nb status` print: plain text, keys never shown."""

from __future__ import annotations

import os
from collections.abc import Mapping

from magistral_nb._version import __version__
from magistral_nb.choosing import choose_endpoint
from magistral_nb.endpoints import ENDPOINTS, Endpoint
from magistral_nb.errors import ConfigurationError
from magistral_nb.settings import Settings

_SHOWN = ("endpoint", "base_url", "model", "api_key", "temperature", "top_p", "max_tokens", "system", "instructions")


def status_report(settings: Settings) -> str:
    """Return which endpoint and settings are in force, and why."""
    rows = []
    for name in _SHOWN:
        value, source = settings.sources[name]
        if value is None and source in ("default", "not set", "not needed"):
            value, source = {"max_tokens": "40,960 or what fits", "api_key": source}.get(name, "none"), "default"
        shown = repr(value) if name in ("system", "instructions") and value not in ("default", "none") else value
        rows.append(f"  {name:<12}  {shown}  ({source})")
    return "\n".join([f"magistral_nb {__version__}", *rows])


def endpoints_report(chosen: str | None = None, env: Mapping[str, str] | None = None) -> str:
    """Return all endpoints, which keys are set, and which would be chosen and why."""
    env = os.environ if env is None else env
    why = ""
    if chosen is None:
        try:
            choice = choose_endpoint(None, None, env=env)
            chosen, why = choice.endpoint.name, choice.why
        except ConfigurationError as error:
            why = error.message
    else:
        why = "named by you"
    rows = [_row(row, chosen, env) for row in ENDPOINTS.values()]
    return "\n".join([*rows, f"Chosen: {chosen or 'none'}. {why}"])


def _row(row: Endpoint, chosen: str | None, env: Mapping[str, str]) -> str:
    mark = "→" if row.name == chosen else " "
    return f"{mark} {row.name:<18} {row.description}; {_key(row, env)}"


def _key(row: Endpoint, env: Mapping[str, str]) -> str:
    if not row.key_env:
        return "no key needed"
    if env.get(row.key_env):
        return f"${row.key_env} is set"
    return f"${row.key_env} is not set" + ("" if row.key_needed else ", and may not be needed")
