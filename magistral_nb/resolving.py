"""Which value of a setting wins, and where it came from: the call, the client, the environment, the endpoint, us."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Final

from magistral_nb.choosing import Choice
from magistral_nb.errors import ConfigurationError
from magistral_nb.settings import Settings, Sourced

DEFAULTS: Final[dict[str, Any]] = {
    "model": None,
    "revision": None,
    "system": "default",
    "instructions": None,
    "temperature": 0.7,
    "top_p": 0.95,
    "max_tokens": None,
    "seed": None,
    "stop": None,
    "tools": None,
    "extra_body": None,
    "timeout": None,
    "max_retries": 2,
    "keep_thinking": "none",
}
"""Our own values; temperature and top_p are those of Magistral Small's model card."""

_LIMITS: Mapping[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "max_tokens": (1, float("inf")),
    "max_retries": (0, 100),
}


def resolve(own: Mapping[str, Any], call: Mapping[str, Any], choice: Choice, *, key: object = None) -> Settings:
    """Return the settings of one call: `call` over the client's `own`, over environment, endpoint and defaults.

    Raises ConfigurationError for a setting that does not exist or a value that cannot be meant.
    """
    _refuse_unknown(call)
    row = choice.endpoint
    sources = {
        name: Sourced(call[name], "this call") if name in call else _of_client(name, own[name]) for name in DEFAULTS
    }
    if sources["model"].value is None:
        sources["model"] = (
            Sourced(choice.env_model, "$MAGISTRAL_MODEL")
            if choice.env_model
            else Sourced(row.model, f"endpoint {row.name}" if row.model else "not set")
        )
    sources["endpoint"] = Sourced(row.name, choice.why)
    sources["base_url"] = Sourced(row.base_url or None, choice.why)
    sources["api_key"] = Sourced(key, getattr(key, "source", "not needed" if key is None else "not set"))
    if sources["keep_thinking"].value not in ("none", "last", "all"):
        policy = sources["keep_thinking"].value
        raise ConfigurationError(f"keep_thinking is {policy!r}.", hint="It must be 'none', 'last' or 'all'.")
    for name, (least, most) in _LIMITS.items():
        _check_number(name, sources[name].value, least, most)
    return Settings(sources)


def _of_client(name: str, value: Any) -> Sourced:
    return Sourced(value, "default" if value == DEFAULTS[name] else "argument")


def _refuse_unknown(call: Mapping[str, Any]) -> None:
    for name in call:
        if name not in DEFAULTS:
            close = difflib.get_close_matches(name, DEFAULTS, n=1)
            guess = f"Did you mean {close[0]!r}?" if close else f"Known are {', '.join(DEFAULTS)}."
            raise ConfigurationError(f"There is no setting {name!r}.", hint=guess)


def _check_number(name: str, value: Any, least: float, most: float) -> None:
    if value is None and DEFAULTS[name] is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        span = f"between {least:g} and {most:g}" if most < float("inf") else f"of at least {least:g}"
        raise ConfigurationError(f"{name} is {value!r}.", hint=f"It must be a number {span}.")
