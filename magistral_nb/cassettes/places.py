"""Where a recorded question went, in plain data: enough to ask it again where neither endpoint nor key is set up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, get_args

from magistral_nb.cassettes.canonical import FIELDS, shown_model
from magistral_nb.choosing import BY_ADDRESS, Choice
from magistral_nb.costs import Price
from magistral_nb.dialects import Dialect
from magistral_nb.endpoints import ENDPOINTS, Endpoint, Engine
from magistral_nb.settings import Sourced

PLAIN_SERVER = "a server"
"""The name of a server that was known by its address alone: addresses are not recorded."""

_ROW_FACTS = {"model": str, "revision": str, "template": str, "system": bool, "context": int, "label": str}
_DEFAULTS = {
    "temperature",
    "top_p",
    "max_tokens",
    "seed",
    "stop",
    "system",
    "instructions",
    "revision",
    "keep_thinking",
}


def place_of(choice: Choice, row: Endpoint) -> dict[str, Any]:
    """Return what to keep of the place where a question goes: nothing of addresses, headers and keys.

    `row` is the endpoint of the choice, with what its model's own files say.
    """
    told = choice.defaults.get("model")
    model = choice.env_model or (told.value if told else None) or row.model
    facts = {name: getattr(row, name) for name in _ROW_FACTS} | {"model": shown_model(model) if model else None}
    return {
        "asked": choice.asked if choice.asked is None or "://" not in choice.asked else BY_ADDRESS,
        "name": PLAIN_SERVER if "://" in row.name else row.name,
        "engine": row.engine,
        **facts,
        "price": [row.price.prompt, row.price.completion] if row.price else None,
        "dialect": _dialect_facts(row.dialect),
        "defaults": {name: told.value for name, told in choice.defaults.items() if name in _DEFAULTS},
    }


def row_of(place: Mapping[str, Any], *, known: Endpoint | None = None) -> Endpoint:
    """Return the endpoint that a place tells of. What is not of the right kind is left out: a stranger wrote it."""
    name = str(place.get("name") or PLAIN_SERVER)
    base = known or ENDPOINTS.get(name) or Endpoint(name)
    facts = {name: _of_kind(place.get(name), kind) for name, kind in _ROW_FACTS.items() if name in place}
    facts["system"] = base.system if facts.get("system") is None else facts["system"]
    if place.get("engine") in get_args(Engine):
        facts["engine"] = place["engine"]
    return replace(
        base,
        **facts,
        price=_price(place.get("price")),
        dialect=_dialect(place.get("dialect"), base.dialect),
        key_needed=False,
    )


def defaults_of(place: Mapping[str, Any], source: str) -> dict[str, Sourced]:
    """Return the settings that came from the files of whoever recorded: the reader's own would ask something else."""
    told = place.get("defaults")
    return {name: Sourced(told[name], source) for name in _DEFAULTS & told.keys()} if isinstance(told, dict) else {}


def _of_kind(value: Any, kind: type) -> Any:
    return value if type(value) is kind else None


def _price(told: Any) -> Price | None:
    both = [float(half) for half in told if isinstance(half, int | float)] if isinstance(told, list) else []
    return Price(*both) if len(both) == 2 else None


def _dialect_facts(dialect: Dialect) -> dict[str, Any]:
    facts = {field.name: getattr(dialect, field.name) for field in fields(dialect) if field.name != "no_thinking_hint"}
    return facts | {"extra_body": {name: value for name, value in dialect.extra_body.items() if name in FIELDS}}


def _dialect(told: Any, base: Dialect) -> Dialect:
    if not isinstance(told, dict):
        return base
    allowed = {"thought_chunk", "history", "prefill", "opens_thought", "name", "extra_body"}
    facts = {name: told[name] for name in allowed & told.keys() if type(told[name]) is type(getattr(base, name, None))}
    return replace(base, **facts)
