"""The table of providers: one row each. A new provider is a new row, never a new `if`.

Where each fact comes from, and what nobody could check, stands in `docs/providers/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from magistral_nb.endpoints.endpoint import Endpoint, Engine
from magistral_nb.endpoints.here import HERE
from magistral_nb.endpoints.hosted import HOSTED
from magistral_nb.settings import shown_address

__all__ = ["ENDPOINTS", "Endpoint", "Engine", "plain_endpoint"]

ENDPOINTS: Mapping[str, Endpoint] = MappingProxyType({row.name: row for row in (*HOSTED, *HERE)})
"""All known endpoints by name."""


def plain_endpoint(base_url: str) -> Endpoint:
    """Return an endpoint for any OpenAI-compatible server; it understands every dialect by itself."""
    return Endpoint(
        name=shown_address(base_url),
        base_url=base_url,
        key_env="MAGISTRAL_API_KEY",
        key_needed=False,
        description="an OpenAI-compatible server",
        hint="Is the server running, and is the address right? It often ends in /v1.",
    )
