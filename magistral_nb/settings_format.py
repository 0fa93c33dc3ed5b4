"""What may stand in a settings file, and what a person reads who wrote something else: the file, the line, the key."""

from __future__ import annotations

import difflib
import math
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from magistral_nb.errors import ConfigurationError
from magistral_nb.settings import Secret
from magistral_nb.settings_text import read_text
from magistral_nb.templating import REVISIONS


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """One settings file, read and checked. Its text stays out of its `repr`: somebody may have put a key there."""

    path: Path
    text: str = field(repr=False)
    defaults: Mapping[str, Any] = field(repr=False)
    endpoints: Mapping[str, Mapping[str, Any]] = field(repr=False)

    def error(self, keys: tuple[str, ...], what: str, hint: str = "") -> ConfigurationError:
        """Return an error about the key that stands at `keys`, such as ("endpoints", "campus", "base_url")."""
        return _error(self.path, self.text, keys, what, hint)


def read_settings_file(path: Path) -> SettingsFile:
    """Return a settings file that has been checked. Raises ConfigurationError, which names file, line and key."""
    text, exposed = read_text(path, hint=_FORM)
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}.", hint=_FORM) from None
    except RecursionError:
        raise ConfigurationError(f"{path} is nested too deeply to be read.", hint=_FORM) from None
    if problem := _problem_in(tables) or _exposed_key(path, tables, exposed):
        raise _error(path, text, *problem)
    endpoints = {name: _with_secret(path, content) for name, content in tables.get("endpoints", {}).items()}
    return SettingsFile(path, text, tables.get("defaults", {}), endpoints)


def _with_secret(path: Path, content: Mapping[str, Any]) -> Mapping[str, Any]:
    if "api_key" not in content:
        return content
    return {**content, "api_key": Secret(content["api_key"], source=str(path))}


def _exposed_key(path: Path, tables: Mapping[str, Any], exposed: str) -> _Problem | None:
    """Return what is wrong with a file that holds a key and can be read by others."""
    for name, content in tables.get("endpoints", {}).items() if exposed else ():
        if "api_key" in content:
            way = f"chmod 600 {path} closes it" if os.name == "posix" else "Move the key to the file of your own"
            hint = f"{way}. If others could read it until now, get a new key. Or write key_env, and set that variable."
            return ("endpoints", name, "api_key"), f"this file holds a key, and {exposed}", hint
    return None


def line_of(text: str, keys: tuple[str, ...]) -> int | None:
    """Return the line in which a key is first set or its table begins, counted from 1; None if that cannot be told.

    `tomllib` gives no lines, so the text is read once more, statement by statement.

    >>> line_of('[defaults]\\nseed = 1', ("defaults", "seed"))
    2
    """
    table: tuple[str, ...] = ()
    lines = text.split("\n")
    start = 0
    for end in range(1, len(lines) + 1):
        if end - start > _LONGEST_STATEMENT:
            return None
        statement = "\n".join(lines[start:end])
        try:
            said = tomllib.loads(statement)
        except (tomllib.TOMLDecodeError, RecursionError):
            continue  # a text or a list goes on in the next line
        if statement.lstrip().startswith("["):
            table = _path_in(said)
            found = _holds(said, keys)
        else:
            found = keys[: len(table)] == table and _holds(said, keys[len(table) :])
        if found:
            return start + 1
        start = end
    return None


LIMITS: Final[Mapping[str, tuple[float, float]]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "max_tokens": (1, math.inf),
    "max_retries": (0, 100),
}
"""The least and the greatest value of a setting, wherever it is set."""

_LONGEST_STATEMENT: Final = 200
"""A value of more lines than this is not searched for the line of a mistake: it would take too long."""
_FORM: Final = (
    "The settings page of the documentation shows the form. Until the file is right, "
    "MAGISTRAL_SETTINGS=/path/to/another.toml reads another one instead."
)
_Problem = tuple[tuple[str, ...], str, str]
"""Where, what, and what to do."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a value must be, in words that end "It must be …", and how to tell."""

    wanted: str
    fits: Callable[[Any], bool]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_address(value: Any) -> bool:
    try:
        url = urlsplit(value)
        whole = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except (ValueError, TypeError, AttributeError):
        return False
    bare = url.username is None and url.password is None and not url.query and not url.fragment
    return whole and bare and value.isprintable() and " " not in value


def _is_variable(value: Any) -> bool:
    """A variable's name, and not a key by mistake: those are long, and mix digits with small letters."""
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        return False
    return len(value) < 20 or not (re.search("[a-z]", value) and re.search("[0-9]", value))


def _is_key(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value.isascii() and value.isprintable()


def _are_headers(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    return all(
        re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name)
        and name.lower() not in _KEY_HEADERS
        and isinstance(content, str)
        and content.isascii()
        and content.isprintable()
        for name, content in value.items()
    )


def _limited(name: str, what: str, is_kind: Callable[[Any], bool]) -> _Kind:
    least, most = LIMITS[name]
    span = f"from {least:g} to {most:g}" if most < math.inf else f"of at least {least:g}"
    return _Kind(f"{what} {span}", lambda value: is_kind(value) and least <= value <= most)


def _one_of(*values: str) -> _Kind:
    return _Kind("one of " + ", ".join(f'"{value}"' for value in values), lambda value: value in values)


_KEY_HEADERS = {"authorization", "proxy-authorization", "x-api-key", "api-key", "cookie"}
_TEXT = _Kind("text in quotes", lambda value: isinstance(value, str))
_TEXTS = _Kind(
    "text, or a list of texts",
    lambda value: isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str) for one in value)),
)
_PRICE = _Kind("a number of USD by the million tokens", lambda value: _is_number(value) and value >= 0)
_SECONDS = _Kind("a number of seconds above 0", lambda value: _is_number(value) and value > 0)
_COUNT = _Kind("a whole number of at least 1", lambda value: _is_whole(value) and value >= 1)
_WHOLE = _Kind("a whole number", _is_whole)
_FLAG = _Kind("true or false", lambda value: isinstance(value, bool))
_ADDRESS = _Kind(
    "an address that begins with http:// or https:// and holds no user, no password and no query", _is_address
)
_VARIABLE = _Kind("the name of an environment variable, such as CAMPUS_API_KEY. A key itself is api_key", _is_variable)
_KEY = _Kind("a key in quotes, with no line break and no accent", _is_key)
_HEADERS = _Kind(
    "a table of texts. Keys and cookies do not belong there: key_env names the key's variable", _are_headers
)

_DEFAULTS: Final[Mapping[str, _Kind]] = {
    "endpoint": _TEXT, "model": _TEXT, "revision": _one_of(*REVISIONS), "system": _TEXT, "instructions": _TEXT,
    "temperature": _limited("temperature", "a number", _is_number), "top_p": _limited("top_p", "a number", _is_number),
    "max_tokens": _limited("max_tokens", "a whole number", _is_whole), "seed": _WHOLE, "stop": _TEXTS,
    "timeout": _SECONDS, "max_retries": _limited("max_retries", "a whole number", _is_whole),
    "keep_thinking": _one_of("none", "last", "all"), "journal": _FLAG, "meter": _FLAG,
}  # fmt: skip
_ENDPOINT: Final[Mapping[str, _Kind]] = {
    "base_url": _ADDRESS, "key_env": _VARIABLE, "model": _TEXT, "revision": _one_of(*REVISIONS), "system": _FLAG,
    "dialect": _TEXT, "json_schema": _FLAG, "context": _COUNT, "price_prompt": _PRICE, "price_completion": _PRICE,
    "headers": _HEADERS, "hint": _TEXT, "label": _TEXT, "description": _TEXT, "timeout_connect": _SECONDS,
    "timeout_first_event": _SECONDS, "timeout_between_events": _SECONDS, "timeout_total": _SECONDS,
    "api_key": _KEY, "allow_insecure": _FLAG,
}  # fmt: skip
_A_KEY_ITSELF = {"api_key", "api-key", "apikey", "key", "token", "secret", "password"}
_NO_KEY_HERE = (
    'Write it as api_key in the table [endpoints.NAME] of a file that only you can read, or write key_env = "NAME" '
    "there: NAME is then the environment variable that holds it. If others can read this file, get a new key."
)
_ADDRESS_GOES_ELSEWHERE = 'A server gets a table of its own, [endpoints.NAME], and [defaults] says endpoint = "NAME".'
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def _problem_in(tables: Mapping[str, Any]) -> _Problem | None:
    """Return the first thing in a file that cannot stay."""
    for name, content in tables.items():
        keys = (name,)
        if name not in ("defaults", "endpoints"):
            belongs = "It belongs into the table [defaults]." if name in _DEFAULTS else ""
            hint = belongs or _guess(name, ("defaults", "endpoints"), "[defaults] and [endpoints.NAME]")
            return _key_itself(keys) or (keys, f"there is nothing called {name!r} at the top", hint)
        if not isinstance(content, dict):
            return keys, f"{name} is no table", f"Write [{name}{'.NAME' * (name == 'endpoints')}] on a line of its own."
        found = _in_table(keys, content, _DEFAULTS) if name == "defaults" else _in_endpoints(content)
        if found:
            return found
    return None


def _in_endpoints(endpoints: Mapping[str, Any]) -> _Problem | None:
    for name, content in endpoints.items():
        keys = ("endpoints", name)
        if not isinstance(content, dict):
            hint = "Each endpoint has a table of its own, such as [endpoints.campus]."
            return _key_itself(keys) or (keys, f"{name} stands outside an endpoint's table", hint)
        if name == "auto" or not _NAME.fullmatch(name):
            hint = "A name is made of letters, digits, '-', '_' and '.'; 'auto' has a meaning of its own."
            return keys, f"{name!r} cannot be the name of an endpoint", hint
        if found := _in_table(keys, content, _ENDPOINT):
            return found
    return None


def _in_table(table: tuple[str, ...], content: Mapping[str, Any], kinds: Mapping[str, _Kind]) -> _Problem | None:
    title = ".".join(table)
    for name, value in content.items():
        keys = (*table, name)
        if name not in kinds:
            elsewhere = _ADDRESS_GOES_ELSEWHERE if name in ("base_url", "key_env") else ""
            hint = elsewhere or _guess(name, kinds, ", ".join(kinds))
            return _key_itself(keys) or (keys, f"[{title}] has no {name!r}", hint)
        if not kinds[name].fits(value):
            return keys, f"this {name} in [{title}] does not do", f"It must be {kinds[name].wanted}."
    return None


def _key_itself(keys: tuple[str, ...]) -> _Problem | None:
    named = keys[-1].lower() in _A_KEY_ITSELF
    return (keys, f"{keys[-1]!r} is no place for a key", _NO_KEY_HERE) if named else None


def _guess(name: str, known: Mapping[str, Any] | tuple[str, ...], listed: str) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Known are {listed}."


def _error(path: Path, text: str, keys: tuple[str, ...], what: str, hint: str) -> ConfigurationError:
    line = line_of(text, keys)
    where = f"{path}, line {line}" if line else f"{path}, line unknown, {'.'.join(keys)}"
    return ConfigurationError(f"{where}: {what}.", hint=hint)


def _path_in(header: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the name of the table that a header such as `[endpoints.campus]` opens."""
    path: tuple[str, ...] = ()
    inside: Any = header
    while isinstance(inside, dict) and inside:
        (name,) = inside
        path, inside = (*path, name), inside[name]
    return path


def _holds(said: Any, keys: tuple[str, ...]) -> bool:
    for key in keys:
        if not isinstance(said, dict) or key not in said:
            return False
        said = said[key]
    return bool(keys)
