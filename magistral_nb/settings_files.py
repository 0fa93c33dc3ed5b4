"""Settings of a person and of a site: TOML files, so that a campus adds an endpoint without code.

Three files are looked for; the first wins over the second, and that over the third:

    the user's          ~/.config/magistral_nb/settings.toml        (Linux; elsewhere where programs keep theirs)
    the environment's   <sys.prefix>/etc/magistral_nb/settings.toml
    the system's        /etc/magistral_nb/settings.toml

None is looked for in the notebook's folder: a notebook that somebody sends you brings no settings along. An absolute
path in $MAGISTRAL_SETTINGS names one file to read instead of the three, and `/dev/null` none.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from magistral_nb.costs import Price
from magistral_nb.dialects import Dialect
from magistral_nb.endpoints import ENDPOINTS, Endpoint
from magistral_nb.errors import ConfigurationError
from magistral_nb.settings import Sourced
from magistral_nb.settings_format import SettingsFile, read_settings_file

VARIABLE = "MAGISTRAL_SETTINGS"
"""Names one file to read instead of the usual three."""

_APP = "magistral_nb"
_FILE = "settings.toml"


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """What the files say.

    defaults : by the names of `Client`'s arguments; the source of each is its file.
    endpoints : the known rows, those of the files merged in. files : those that were read, the one that wins first.
    """

    defaults: Mapping[str, Sourced]
    endpoints: Mapping[str, Endpoint]
    files: list[Path]

    def defaults_for(self, endpoint: str | None) -> dict[str, Sourced]:
        """Return the defaults of a question to an endpoint; None means that nobody named one.

        A model id means nothing elsewhere. So `model` and `revision` count at the endpoint that the files name, and
        only if no stronger file has named another one since.
        """
        found = {name: told for name, told in self.defaults.items() if name != "endpoint"}
        for name in ("model", "revision"):
            if name in found and not self._belongs(found[name], endpoint):
                del found[name]
        return found

    def _belongs(self, told: Sourced, endpoint: str | None) -> bool:
        named = self.defaults.get("endpoint")
        if named is None or endpoint is None:
            return named is None and endpoint is None
        strength = [str(path) for path in self.files]
        return named.value == endpoint and strength.index(told.source) <= strength.index(named.source)


def load_settings(env: Mapping[str, str] | None = None) -> SiteSettings:
    """Return what the settings files say; where there is none, the known endpoints and nothing else.

    `env` is where $MAGISTRAL_SETTINGS is looked up. A file is read once, and again after it has changed. Raises
    ConfigurationError for a file that is not right, with its name, the line and the key.
    """
    paths = settings_paths(env)
    try:
        found = [file for path in paths if (file := _read(path))]
        return SiteSettings(_merged_defaults(found), _merged_endpoints(found), [file.path for file in found])
    except ConfigurationError as error:
        # The frames below hold the text of the file, and `%xmode Verbose` would print it: there may be a key in it.
        raise error.with_traceback(None) from None


def settings_paths(env: Mapping[str, str] | None = None) -> list[Path]:
    """Return where settings files may stand, the one that wins first."""
    named = (os.environ if env is None else env).get(VARIABLE)
    if named:
        return [] if named == os.devnull else [_named(Path(named))]
    folders = [*_user_folder(), Path(sys.prefix, "etc", _APP), _system_folder()]
    # Without a home, "~" stays as it is: a relative path, and so one in the notebook's folder.
    return list(dict.fromkeys(folder / _FILE for folder in folders if folder.is_absolute()))


def _user_folder() -> list[Path]:
    from platformdirs import user_config_path

    try:
        return [user_config_path(_APP, appauthor=False)]
    except RuntimeError:  # a container's user may have no home; older platformdirs return "~" as it is
        return []


def _system_folder() -> Path:
    from platformdirs import site_config_path

    if sys.platform in ("darwin", "win32"):
        return site_config_path(_APP, appauthor=False)
    return Path("/etc", _APP)


def _named(path: Path) -> Path:
    if not path.is_absolute():
        raise ConfigurationError(
            f"${VARIABLE} is no absolute path.", hint="What a notebook's folder holds is never read as settings."
        )
    if not os.path.exists(path):
        raise ConfigurationError(f"${VARIABLE} names {path}, and there is no such file.", hint="Correct or unset it.")
    return path


def _read(path: Path) -> SettingsFile | None:
    try:
        facts = path.stat()
    except OSError:  # there is none, or its folder is closed to us
        return None
    return _read_version(path, (facts.st_mtime_ns, facts.st_size, facts.st_ino, facts.st_mode, facts.st_uid))


@lru_cache(maxsize=16)
def _read_version(path: Path, version: tuple[int, ...]) -> SettingsFile:
    """Read a file, once for each `version` of it."""
    return read_settings_file(path)


def _merged_defaults(files: Sequence[SettingsFile]) -> Mapping[str, Sourced]:
    return {name: Sourced(value, str(file.path)) for file in reversed(files) for name, value in file.defaults.items()}


def _merged_endpoints(files: Sequence[SettingsFile]) -> Mapping[str, Endpoint]:
    rows = dict(ENDPOINTS)
    for name in dict.fromkeys(name for file in reversed(files) for name in file.endpoints):
        rows[name] = _Table(name, [file for file in files if name in file.endpoints]).row()
    return MappingProxyType(rows)


class _Table:
    """What the files say about one endpoint; the first of them wins, field by field."""

    def __init__(self, name: str, files: Sequence[SettingsFile]) -> None:
        self._name = name
        self._files = files
        self._told: dict[str, Any] = {}
        for file in reversed(files):
            self._told.update(file.endpoints[name])

    def row(self) -> Endpoint:
        """Return the known row of that name, or a new one, with the fields that the files name."""
        known = ENDPOINTS.get(self._name)
        self._check_address(known)
        row = known or self._new_row()
        limits = {
            name.removeprefix("timeout_"): value for name, value in self._told.items() if name.startswith("timeout_")
        }
        return replace(
            row,
            **{name: value for name, value in self._told.items() if name in _PLAIN_FIELDS},
            headers={**row.headers, **self._told.get("headers", {})},
            price=self._price(row.price),
            timeouts=replace(row.timeouts, **limits),
            dialect=self._dialect() or row.dialect,
        )

    def _new_row(self) -> Endpoint:
        """A server of this machine may do without a key, and the key of any address says nothing about this one."""
        from magistral_nb.transports.addresses import is_loopback

        variable = self._told.get("key_env")
        needed = variable is not None and not is_loopback(self._told["base_url"])
        return Endpoint(self._name, key_needed=needed, key_counts=variable != "MAGISTRAL_API_KEY")

    def _check_address(self, known: Endpoint | None) -> None:
        url = self._told.get("base_url")
        if known is None and url is None:
            close = difflib.get_close_matches(self._name, ENDPOINTS, n=1)
            guess = f"Did you mean [endpoints.{close[0]}]? " if close else ""
            what = f"[endpoints.{self._name}] has no base_url"
            raise self._files[0].error(
                ("endpoints", self._name), what, f"{guess}A new endpoint needs at least its address."
            )
        if known is None or not known.key_needed or url is None or _server(url) == _server(known.base_url):
            return
        key, moved = (
            next((file for file in self._files if field in file.endpoints[self._name]), None)
            for field in ("api_key", "base_url")
        )
        if key and key is not moved:
            what = f"this api_key is {self._name}'s, and another file takes {self._name} to another server"
            raise self._error("api_key", what, "If it may go there, write that base_url into this file too.")
        if "key_env" not in self._told:  # a provider's key goes nowhere else by itself
            what = f"this base_url takes {self._name} to another server, and nothing says whose key goes there"
            hint = f'Add key_env = "{known.key_env}" if that server may have this key; otherwise name another variable.'
            raise self._error("base_url", what, hint)

    def _price(self, known: Price | None) -> Price | None:
        prompt = self._told.get("price_prompt", known and known.prompt)
        completion = self._told.get("price_completion", known and known.completion)
        if prompt is None and completion is None:
            return None
        if prompt is None or completion is None:
            name = "price_prompt" if completion is None else "price_completion"
            hint = "A price has two halves: price_prompt and price_completion."
            raise self._error(name, f"{name} stands alone", hint)
        return Price(float(prompt), float(completion))

    def _dialect(self) -> Dialect | None:
        name = self._told.get("dialect")
        if name is None or name in ENDPOINTS:
            return ENDPOINTS[name].dialect if name else None
        close = difflib.get_close_matches(name, ENDPOINTS, n=1)
        guess = f"Did you mean {close[0]!r}?" if close else f"Known are {', '.join(ENDPOINTS)}."
        raise self._error("dialect", f"there is no known endpoint {name!r} whose dialect could be shared", guess)

    def _error(self, field: str, what: str, hint: str) -> ConfigurationError:
        file = next(file for file in self._files if field in file.endpoints[self._name])
        return file.error(("endpoints", self._name, field), what, hint)


_PLAIN_FIELDS = (
    "base_url", "key_env", "model", "revision", "system", "json_schema", "context", "hint", "label", "description",
    "api_key", "allow_insecure",
)  # fmt: skip


def _server(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port
