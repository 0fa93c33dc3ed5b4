"""What must never be shown of a request: its key, secret headers, and what stands in its address."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from magistral_nb.scrubbing import SHORTEST, register
from magistral_nb.settings import Secret

_SECRET_NAME = re.compile(r"auth|key|token|secret|password|cookie", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Say whether a header, or a part of a query, holds a secret by its name."""
    return bool(_SECRET_NAME.search(name))


def without_user(url: str) -> tuple[str, str | None]:
    """Return a URL without user and password, and the header that says the same: logs print URLs.

    >>> without_user("https://me:pw@llm.example/v1")
    ('https://llm.example/v1', 'Basic bWU6cHc=')
    """
    parts = urlsplit(url)
    if parts.username is None and parts.password is None:
        return url, None
    said = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return bare, f"Basic {b64encode(said.encode()).decode()}"


def secrets_in(base_url: str, api_key: Secret | None, headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return the secrets of a request, the longest first, also as an address would write them."""
    parts = urlsplit(base_url)
    found = [api_key.reveal() if api_key else ""]
    for name, value in headers.items():
        if is_secret_name(name):
            found += [value, value.rpartition(" ")[2]]  # "Bearer …"
    found = [secret for secret in found if len(secret) >= SHORTEST]
    found += [unquote(parts.password or ""), (without_user(base_url)[1] or "").removeprefix("Basic ")]
    found += [value for name, value in parse_qsl(parts.query) if is_secret_name(name)]
    spelled = {secret for plain in found for secret in (plain, quote(plain, safe="")) if plain}
    return tuple(sorted(spelled, key=len, reverse=True))


def register_secrets_in(base_url: str, headers: Mapping[str, str]) -> None:
    """Take what stands in an address and in headers for secrets, before a request is written down anywhere."""
    with suppress(ValueError):  # an address that cannot be read goes nowhere
        for secret in secrets_in(base_url, None, headers):
            register(secret)
