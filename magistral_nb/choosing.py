"""Which endpoint, whose key, and why."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from magistral_nb.endpoints import Endpoint, plain_endpoint
from magistral_nb.errors import ConfigurationError, MissingKeyError, UnknownEndpointError
from magistral_nb.keys.ring import can_keep, key_in_ring, why_silent
from magistral_nb.keys.variables import PLAIN_KEY, key_in, register_keys
from magistral_nb.settings import Address, Secret, Sourced, environment, secret_of
from magistral_nb.settings_files import SiteSettings, load_settings
from magistral_nb.transports.addresses import is_loopback

if TYPE_CHECKING:
    from magistral_nb.transports.discovery import Found

AUTO = "auto"
"""The name that stands for a server on this machine, whichever answers."""
BY_ADDRESS = "base_url"
"""What a caller named who gave an address."""
NOWHERE = Endpoint(name="no endpoint", key_needed=False, description="no place at all, only the chat format")
"""Where a prompt is looked at while nothing says where it would be sent."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An endpoint, and where the choice came from.

    env_model : the model that the environment names for it. defaults : what the settings files say for it.
    asked : what the caller named: a row, "auto", `BY_ADDRESS` for an address, or None for nothing.
    is_recorded : a cassette says that it was so once; nobody can be asked there now.
    """

    endpoint: Endpoint
    why: str
    env_model: str | None = None
    defaults: Mapping[str, Sourced] = field(default_factory=dict)
    asked: str | None = None
    is_recorded: bool = False


def choose_endpoint(
    endpoint: str | Endpoint | None,
    base_url: str | None,
    *,
    model: str | None = None,
    env: Mapping[str, str] | None = None,
) -> Choice:
    """Return the endpoint that was named, or the one that the environment or the settings files point to.

    For "auto", servers on this machine are looked for, which takes less than a second; one with `model` is preferred.
    Raises UnknownEndpointError for a name that is in no table, and ConfigurationError if nothing or too much points
    to an endpoint, or if a settings file is not right. The embedded model is never chosen silently.
    """
    env, base_url = environment(env), base_url and Address(base_url)
    site = load_settings(env)
    register_keys(env, site.endpoints.values())
    env_model = env.get("MAGISTRAL_MODEL")
    if endpoint is not None:
        return _given(endpoint, base_url, site, model)
    if base_url is not None:
        return Choice(plain_endpoint(base_url), "your base_url", env_model, site.defaults_for(base_url))
    if name := env.get("MAGISTRAL_ENDPOINT"):
        return _named(name, "$MAGISTRAL_ENDPOINT", site, model, env_model)
    if env.get("MAGISTRAL_BASE_URL"):
        url = Address(env["MAGISTRAL_BASE_URL"])
        return Choice(plain_endpoint(url), "$MAGISTRAL_BASE_URL", env_model, site.defaults_for(url))
    if told := site.defaults.get("endpoint"):
        return _named(told.value, told.source, site, model, env_model)
    return _by_key(env, site)


def choose_to_look(
    endpoint: str | Endpoint | None,
    base_url: str | None,
    *,
    model: str | None = None,
    env: Mapping[str, str] | None = None,
) -> Choice:
    """Return the endpoint for a prompt that is only looked at: as `choose_endpoint` does, but nobody is asked.

    Where that would look around for servers, or would find nothing that points to an endpoint, it is `NOWHERE`.
    """
    env, base_url = environment(env), base_url and Address(base_url)
    site = load_settings(env)
    register_keys(env, site.endpoints.values())
    told = site.defaults.get("endpoint")
    pointed = endpoint or base_url or env.get("MAGISTRAL_ENDPOINT") or env.get("MAGISTRAL_BASE_URL")
    pointed = pointed or (told.value if told else None)
    if pointed == AUTO or (pointed is None and len(_rows_by_key(env, site)) != 1):
        return Choice(NOWHERE, "nothing was asked", env.get("MAGISTRAL_MODEL"), site.defaults_for(None))
    return choose_endpoint(endpoint, base_url, model=model, env=env)


def named_by(endpoint: str | Endpoint | None, base_url: str | None) -> str | None:
    """Return what these arguments of a client name, as `Choice.asked` says it."""
    if endpoint is None:
        return BY_ADDRESS if base_url is not None else None
    return endpoint.name if isinstance(endpoint, Endpoint) else endpoint


def find_local(env: Mapping[str, str] | None = None) -> list[Found]:
    """Return the servers that answer at this machine's usual addresses."""
    return _look_around(load_settings(env).endpoints)[0]


def find_key(row: Endpoint, api_key: str | Secret | None, *, env: Mapping[str, str] | None = None) -> Secret | None:
    """Return the key for an endpoint: the argument's, the environment's, the keyring's, or that of a settings file.

    None if there is none and the endpoint may do without. Raises MissingKeyError if it may not.
    """
    env, api_key = environment(env), secret_of(api_key)
    found = api_key or (key_in(env, row.key_env) if row.key_env else None) or key_in_ring(row) or row.api_key
    if found:
        return found.usable()
    if row.key_env is None or not row.key_needed or is_loopback(row.base_url):
        return None
    login = f"keep it in the keyring with `%magistral login {row.name}`, " if can_keep(row) else ""
    raise MissingKeyError(
        f"{row.name} needs an API key, and ${row.key_env} is not set. {why_silent(row)}".rstrip(),
        hint=f"Set {row.key_env} in the environment, {login}or give api_key=…. {row.hint}".strip(),
        endpoint=row.name,
    )


def _given(endpoint: str | Endpoint, base_url: str | None, site: SiteSettings, model: str | None) -> Choice:
    """The endpoint that the caller named, at the caller's address if there is one."""
    if endpoint == AUTO and base_url is not None:
        raise ConfigurationError(
            "'auto' looks for a server by itself, and base_url names one.", hint="Leave out one of the two."
        )
    if isinstance(endpoint, Endpoint):
        choice = Choice(endpoint, "named by you", defaults=site.defaults_for(endpoint.name))
    else:
        choice = _named(endpoint, "named by you", site, model)
    if base_url is None:
        return choice
    # A custom address takes no other provider's key.
    row = replace(choice.endpoint, base_url=base_url, key_env=PLAIN_KEY, key_needed=False, api_key=None)
    return replace(choice, endpoint=row, why=f"{choice.why}, at your base_url")


def _named(name: str, why: str, site: SiteSettings, model: str | None, env_model: str | None = None) -> Choice:
    defaults = site.defaults_for(name)
    if name != AUTO:
        return Choice(_row(name, site.endpoints), why, env_model, defaults)
    wanted = model or env_model or (defaults["model"].value if "model" in defaults else None)
    row, reason = _local_endpoint(site.endpoints, wanted)
    return Choice(row, f"auto, {why}: {reason}", env_model, defaults)


def _row(name: str, rows: Mapping[str, Endpoint]) -> Endpoint:
    if name in rows:
        return rows[name]
    known = [*rows, AUTO]
    close = difflib.get_close_matches(name, known, n=1)
    guess = f"Did you mean {close[0]!r}? " if close else ""
    raise UnknownEndpointError(
        f"There is no endpoint named {name!r}.",
        hint=f"{guess}Known are {', '.join(known)}; any other server goes by base_url='http://…/v1'.",
    )


def _local_endpoint(rows: Mapping[str, Endpoint], wanted: str | None) -> tuple[Endpoint, str]:
    """Return the server on this machine to ask, and why."""
    from magistral_nb.transports.discovery import describe, pick

    found, addresses = _look_around(rows)
    best = pick(found, wanted)
    if best is None:
        answered = "; ".join(describe(one) for one in found)
        raise ConfigurationError(
            f"No server on this machine offers a model{f': found {answered}' if found else ''}.",
            hint=(
                f"Looked at {', '.join(addresses) or 'no address'}. Start one, such as with `ollama run magistral`; "
                "name one that is elsewhere or wants a key by base_url='http://…/v1', api_key=…; "
                "or ask Client('demo'), which needs no server."
            ),
        )
    url = best.found.base_url
    row = rows.get(best.found.row_name or "") or plain_endpoint(url)
    # What the row says of its own model does not hold for another one.
    is_its_own = row.model in (best.model, best.model.partition(":")[0])
    revision = row.revision if is_its_own else None
    price = row.price if is_its_own or row.model is None else None
    # It has answered without a key, so it gets none: whoever holds the port would read it.
    row = replace(row, base_url=url, model=best.model, revision=revision, price=price)
    return replace(row, key_env=None, key_needed=False, api_key=None), best.why


def _look_around(rows: Mapping[str, Endpoint]) -> tuple[list[Found], list[str]]:
    """Return the servers that answer on this machine, and the addresses that were tried."""
    from magistral_nb.transports.discovery import find_servers, places_of

    places = places_of((row.name, url) for row in rows.values() for url in (row.base_url, *row.also_at))
    return find_servers(places), [f"{place.base_url} ({', '.join(place.row_names)})" for place in places]


def _by_key(env: Mapping[str, str], site: SiteSettings) -> Choice:
    chosen = _rows_by_key(env, site)
    if len(chosen) == 1:
        why = f"${chosen[0].key_env} is set"
        return Choice(chosen[0], why, env.get("MAGISTRAL_MODEL"), site.defaults_for(None))
    if chosen:
        names = " and ".join(f"${row.key_env} ({row.name})" for row in chosen)
        raise ConfigurationError(
            f"More than one key is set: {names}.",
            hint=f"Say which endpoint you mean, such as Client({chosen[0].name!r}) or MAGISTRAL_ENDPOINT.",
        )
    variables = ", ".join(f"{row.key_env} ({row.name})" for row in site.endpoints.values() if row.chosen_by_key)
    raise ConfigurationError(
        "No endpoint is set up: nothing says where to send the question.",
        hint=(
            "Any of these works: Client('demo') for the small embedded model, with no key and no network; "
            f"a key in {variables}; Client('auto') for a server that runs on this machine; "
            "Client(base_url='http://127.0.0.1:8000/v1', model='…') for any other; "
            "MAGISTRAL_ENDPOINT or MAGISTRAL_BASE_URL in the environment; or a settings file."
        ),
    )


def _rows_by_key(env: Mapping[str, str], site: SiteSettings) -> list[Endpoint]:
    """Return the providers whose key is set, one for each key; where two rows share one, the first stands for both."""
    by_key: dict[str | None, Endpoint] = {}
    for row in site.endpoints.values():
        if row.chosen_by_key and env.get(row.key_env or ""):
            by_key.setdefault(row.key_env, row)
    return list(by_key.values())
