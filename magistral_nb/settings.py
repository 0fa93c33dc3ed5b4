"""Where a value comes from: secrets, time limits, and settings that remember who set them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from magistral_nb.errors import ConfigurationError
from magistral_nb.scrubbing import register


class Secret:
    """A key that shows where it came from and never what it is.

    >>> Secret("sk-123", source="$MAGISTRAL_API_KEY")
    <set, from $MAGISTRAL_API_KEY>
    """

    __slots__ = ("_value", "source")

    def __init__(self, value: str, *, source: str = "api_key=") -> None:
        self._value = value
        self.source = source
        register(value)

    def reveal(self) -> str:
        """Return the key itself. Only a transport needs it, at the moment of sending."""
        return self._value

    def usable(self) -> Secret:
        """Return the key without the white space around it, as key files have it.

        Raises ConfigurationError for a key that no header can carry; it is not shown.
        """
        value = self._value.strip()
        if not value or not value.isascii() or not value.isprintable():
            what = "is empty" if not value else "holds characters that no key has, such as a line break or an accent"
            raise ConfigurationError(f"The key from {self.source} {what}.", hint="Copy it once more.")
        return Secret(value, source=self.source)

    def __repr__(self) -> str:
        return f"<set, from {self.source}>"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("A Secret is not pickled: set the key again where it is needed.")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait, in seconds, for each part of a reply; None waits for ever.

    `connect`: for the server to answer the phone. `first_event`: for the first event of the stream; a laptop that
    loads 24B weights or reads a long prompt needs minutes. `between_events`: for the next one. `total`: for all.
    """

    connect: float | None = 10
    first_event: float | None = 600
    between_events: float | None = 60
    total: float | None = None

    @classmethod
    def of(cls, value: float | Timeouts | None, *, default: Timeouts) -> Timeouts:
        """Return the limits that a `timeout=` argument means: a number limits every wait, None is the default."""
        if value is None:
            return default
        if isinstance(value, Timeouts):
            return value
        return cls(connect=min(value, 10), first_event=value, between_events=value, total=default.total)


def shown_address(url: str) -> str:
    """Return an address as it may be shown: without what stands before the host, and without what its query says.

    >>> shown_address("https://me:secret@llm.example/v1?api_key=123")
    'https://…@llm.example/v1?…'
    """
    before, found, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    _, at, host = authority.rpartition("@")
    path, question, _ = path.partition("?")
    return f"{before}{found}{'…@' if at else ''}{host}{slash}{path}{'?…' if question else ''}" if found else url


class Sourced(NamedTuple):
    """A value and where it came from, for people."""

    value: Any
    source: str


@dataclass(frozen=True)
class Settings:
    """The settings of a client, resolved; `sources` says where each came from, keys masked."""

    sources: Mapping[str, Sourced] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.sources[name].value
        except KeyError:
            raise AttributeError(f"There is no setting {name!r}.") from None

    def __repr__(self) -> str:
        rows = (f"{name}={value!r} ({source})" for name, (value, source) in self.sources.items())
        return f"Settings({', '.join(rows)})"
