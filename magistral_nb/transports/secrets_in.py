"""What must never be shown of a request: its key, secret headers, and what stands in its address."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from magistral_nb.scrubbing import SHORTEST
from magistral_nb.settings import Secret

_SECRET_NAME = re.compile(r"auth|key|token|secret|password|cookie", re.IGNORECASE)


def secrets_in(base_url: str, api_key: Secret | None, headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return the secrets of a request, the longest first, also as an address would write them."""
    parts = urlsplit(base_url)
    found = [api_key.reveal() if api_key else ""]
    for name, value in headers.items():
        if _SECRET_NAME.search(name):
            found += [value, value.rpartition(" ")[2]]  # "Bearer …"
    found = [secret for secret in found if len(secret) >= SHORTEST]
    found += [unquote(parts.password or "")]
    found += [value for name, value in parse_qsl(parts.query) if _SECRET_NAME.search(name)]
    spelled = {secret for plain in found for secret in (plain, quote(plain, safe="")) if plain}
    return tuple(sorted(spelled, key=len, reverse=True))
