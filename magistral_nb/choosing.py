"""Which endpoint, whose key, and why; and the transport that an endpoint needs."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from magistral_nb.endpoints import ENDPOINTS, Endpoint, Engine, plain_endpoint
from magistral_nb.errors import ConfigurationError, MissingKeyError, UnknownEndpointError
from magistral_nb.settings import Secret
from magistral_nb.templating import template_text
from magistral_nb.transports import Transport
from magistral_nb.transports.addresses import is_loopback


@dataclass(frozen=True, slots=True)
class Choice:
    """An endpoint, and where the choice came from. `env_model` is the model that the environment names for it."""

    endpoint: Endpoint
    why: str
    env_model: str | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """What a transport needs beside the endpoint."""

    key: Secret | None
    headers: Mapping[str, str]
    http_client: object | None
    verify: bool | str | None


def choose_endpoint(
    endpoint: str | Endpoint | None, base_url: str | None, *, env: Mapping[str, str] | None = None
) -> Choice:
    """Return the endpoint that was named, or the one that the environment points to.

    Raises UnknownEndpointError for a name that is in no table, and ConfigurationError if nothing or too much points
    to an endpoint. The embedded model is never chosen silently.
    """
    env = os.environ if env is None else env
    if endpoint is not None:
        row = endpoint if isinstance(endpoint, Endpoint) else _row(endpoint)
        why = "named by you"
        if base_url is not None:  # a custom address takes no other provider's key
            row = replace(row, base_url=base_url, key_env="MAGISTRAL_API_KEY", key_needed=False)
            why += ", at your base_url"
        return Choice(row, why)
    if base_url is not None:
        return Choice(plain_endpoint(base_url), "your base_url", env.get("MAGISTRAL_MODEL"))
    if name := env.get("MAGISTRAL_ENDPOINT"):
        return Choice(_row(name), "$MAGISTRAL_ENDPOINT", env.get("MAGISTRAL_MODEL"))
    if url := env.get("MAGISTRAL_BASE_URL"):
        return Choice(plain_endpoint(url), "$MAGISTRAL_BASE_URL", env.get("MAGISTRAL_MODEL"))
    return _by_key(env)


def find_key(row: Endpoint, api_key: str | Secret | None, *, env: Mapping[str, str] | None = None) -> Secret | None:
    """Return the key for an endpoint, or None if there is none and it may do without.

    Raises MissingKeyError if a provider's own key variable is not set.
    """
    env = os.environ if env is None else env
    if isinstance(api_key, Secret):
        return api_key
    if api_key:
        return Secret(api_key, source="api_key=")
    if row.key_env is None:
        return None
    if value := env.get(row.key_env):
        return Secret(value, source=f"${row.key_env}")
    if not row.key_needed or is_loopback(row.base_url):
        return None
    raise MissingKeyError(
        f"{row.name} needs an API key, and ${row.key_env} is not set.",
        hint=f"Set {row.key_env} in the environment, or give api_key=…. {row.hint}".strip(),
        endpoint=row.name,
    )


def make_transport(row: Endpoint, access: Access) -> Transport:
    """Return the transport for an endpoint. Nothing is opened before the first request."""
    return _TRANSPORTS[row.engine](row, access)


def _row(name: str) -> Endpoint:
    if name in ENDPOINTS:
        return ENDPOINTS[name]
    close = difflib.get_close_matches(name, ENDPOINTS, n=1)
    guess = f"Did you mean {close[0]!r}? " if close else ""
    raise UnknownEndpointError(
        f"There is no endpoint named {name!r}.",
        hint=f"{guess}Known are {', '.join(ENDPOINTS)}; any other server goes by base_url='http://…/v1'.",
    )


def _by_key(env: Mapping[str, str]) -> Choice:
    rows = [row for row in ENDPOINTS.values() if row.chosen_by_key and env.get(row.key_env or "")]
    if len(rows) == 1:
        return Choice(rows[0], f"${rows[0].key_env} is set")
    if rows:
        names = " and ".join(f"${row.key_env} ({row.name})" for row in rows)
        raise ConfigurationError(
            f"More than one key is set: {names}.",
            hint=f"Say which endpoint you mean, such as Client({rows[0].name!r}) or MAGISTRAL_ENDPOINT.",
        )
    variables = ", ".join(f"{row.key_env} ({row.name})" for row in ENDPOINTS.values() if row.chosen_by_key)
    raise ConfigurationError(
        "No endpoint is set up: nothing says where to send the question.",
        hint=(
            "Any of these works: Client('demo') for the small embedded model, with no key and no network; "
            f"a key in {variables}; Client(base_url='http://127.0.0.1:8000/v1', model='…') for a server of yours; "
            "or MAGISTRAL_ENDPOINT, MAGISTRAL_BASE_URL in the environment."
        ),
    )


def _http(row: Endpoint, access: Access) -> Transport:
    from magistral_nb.transports.http import HttpTransport

    return HttpTransport(
        base_url=row.base_url,
        api_key=access.key,
        headers={**row.headers, **access.headers},
        http_client=access.http_client,
        verify=access.verify,
        endpoint=row.name,
        hint=row.hint,
    )


def _llamacpp(row: Endpoint, access: Access) -> Transport:
    from magistral_nb.transports.demo_model import demo_request_fields
    from magistral_nb.transports.llamacpp import LlamaCppModel, LlamaCppTransport

    return LlamaCppTransport(
        LlamaCppModel(
            find_model="demo",
            template=template_text("demo.jinja"),
            context=row.context or 8192,
            threads=1,
            alias=row.model or row.name,
            request_fields=demo_request_fields(),
        )
    )


_TRANSPORTS: Mapping[Engine, Callable[[Endpoint, Access], Transport]] = {"http": _http, "llamacpp": _llamacpp}
