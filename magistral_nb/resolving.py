"""Which value of a setting wins, and where it came from.

The call's own wins, then the client's argument, the environment, a settings file, the endpoint's row, and ours.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Final

from magistral_nb.budgets import Budget
from magistral_nb.choosing import Choice
from magistral_nb.costs import Price
from magistral_nb.errors import ConfigurationError
from magistral_nb.settings import Settings, Sourced, Timeouts, shown_address
from magistral_nb.settings_format import LIMITS

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
    "response_format": None,
    "extra_body": None,
    "timeout": None,
    "max_retries": 2,
    "keep_thinking": "none",
    "tokenizer": None,
    "journal": True,
    "price": None,
    "budget": None,
}
"""Our own values; temperature and top_p are those of Magistral Small's model card."""


class LeftOut:
    """Stands for an argument that nobody gave, so that a settings file may; it shows the value that is ours."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return repr(DEFAULTS[self._name])


LEFT_OUT: Final[Mapping[str, Any]] = {name: LeftOut(name) for name, value in DEFAULTS.items() if value is not None}
"""What stands in a signature for a setting whose own default is not None."""


def given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that somebody gave. None is a value only where our own is another one."""
    return {
        name: value
        for name, value in arguments.items()
        if not isinstance(value, LeftOut) and not (value is None and DEFAULTS[name] is None)
    }


def resolve(own: Mapping[str, Any], call: Mapping[str, Any], choice: Choice, *, key: object = None) -> Settings:
    """Return the settings of one call: `call` over the client's `own`, over environment, files, endpoint and ours.

    Raises ConfigurationError for a setting that does not exist or a value that cannot be meant.
    """
    _refuse_unknown(call)
    row = choice.endpoint
    sources = {name: _sourced(name, own, call, choice) for name in DEFAULTS}
    sources["endpoint"] = Sourced(row.name, choice.why)
    sources["base_url"] = Sourced(shown_address(row.base_url) or None, choice.why)
    sources["api_key"] = Sourced(key, getattr(key, "source", "not needed" if key is None else "not set"))
    sources["meter"] = choice.defaults.get("meter", Sourced(True, "default"))  # only files say this
    if sources["keep_thinking"].value not in ("none", "last", "all"):
        policy = sources["keep_thinking"].value
        raise ConfigurationError(f"keep_thinking is {policy!r}.", hint="It must be 'none', 'last' or 'all'.")
    _check_kinds({name: sourced.value for name, sourced in sources.items()})
    for name, (least, most) in LIMITS.items():
        _check_number(name, sources[name].value, least, most)
    return Settings(sources)


def _sourced(name: str, own: Mapping[str, Any], call: Mapping[str, Any], choice: Choice) -> Sourced:
    row = choice.endpoint
    if name in call and not (name == "model" and call[name] is None):
        return Sourced(call[name], "this call")
    if name in own:
        return Sourced(own[name], "argument")
    if name == "model" and choice.env_model:
        return Sourced(choice.env_model, "$MAGISTRAL_MODEL")
    if name in choice.defaults:
        return choice.defaults[name]
    if name == "model":
        return Sourced(row.model, f"endpoint {row.name}" if row.model else "not set")
    return Sourced(DEFAULTS[name], "default")


def _check_kinds(values: Mapping[str, Any]) -> None:
    for name in ("system", "instructions", "model"):
        if values[name] is not None and not isinstance(values[name], str):
            raise ConfigurationError(f"{name} is {values[name]!r}.", hint="It must be a text, or None.")
    if values["extra_body"] is not None and not isinstance(values["extra_body"], Mapping):
        raise ConfigurationError(f"extra_body is {values['extra_body']!r}.", hint="It must be a dict.")
    if values["budget"] is not None and not isinstance(values["budget"], Budget):
        raise ConfigurationError(f"budget is {values['budget']!r}.", hint="It must be a Budget, as Budget(tokens=500).")
    Price.of(values["price"])
    told = values["timeout"]
    is_seconds = isinstance(told, int | float) and not isinstance(told, bool) and told > 0
    if told is not None and not isinstance(told, Timeouts) and not is_seconds:
        raise ConfigurationError(f"timeout is {told!r}.", hint="It must be a number of seconds, or Timeouts(…).")


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
