"""Keys in the environment: that of an endpoint, and all others, so that none of them is ever shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from magistral_nb.endpoints import Endpoint
from magistral_nb.errors import MissingKeyError
from magistral_nb.settings import Secret, environment

PLAIN_KEY: Final = "MAGISTRAL_API_KEY"
"""The variable of the key for an address of one's own. It belongs to no provider."""
_NAMES: Final = re.compile(r"_(API_?KEY|(API_|ACCESS_|AUTH_)?TOKEN|SECRET|SECRET_KEY|ACCESS_KEY)$", re.IGNORECASE)
_LEAST: Final = 16
"""A shorter value of an unknown variable may be a word, and words must not vanish from texts."""


def key_in(env: Mapping[str, str], name: str) -> Secret | None:
    """Return the key that a variable holds, if it is set."""
    return Secret(env[name], source=f"${name}") if env.get(name) else None


def required_key(name: str) -> Secret:
    """Return the key that a variable holds, which the user has named. Raises MissingKeyError if it is not set."""
    if key := key_in(environment(), name):
        return key
    raise MissingKeyError(f"${name} is not set.", hint="Set it in the environment, or name another one.")


def register_keys(env: Mapping[str, str], rows: Iterable[Endpoint]) -> None:
    """Let everything be scrubbed of the keys that are set, those of other programs among them."""
    names = {row.key_env for row in rows if row.key_env} | {PLAIN_KEY}
    for name in env:
        if name in names or (_NAMES.search(name) and _is_secret(env[name])):
            key_in(env, name)  # a Secret registers itself


def _is_secret(value: str) -> bool:
    return len(value) >= _LEAST and not re.search(r"\s|^[/.~]|://", value) and bool(re.search(r"\d", value))
