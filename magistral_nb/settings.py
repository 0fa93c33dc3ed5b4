"""Where a value comes from: secrets, time limits, and settings that remember who set them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from magistral_nb.errors import ConfigurationError
from magistral_nb.scrubbing import register, scrub


class Secret:
    """A key that shows where it came from and never what it is.

    A copy of it is itself, and a pickle of it is refused.

    >>> Secret("sk-123", source="$MAGISTRAL_API_KEY")
    <set, from $MAGISTRAL_API_KEY>
    """

    __slots__ = ("_reveal", "source")

    def __init__(self, value: str, *, source: str = "api_key=") -> None:
        # In a function, the key is in no attribute that a pretty printer or a debugger lists.
        self._reveal: Callable[[], str] = lambda: value
        self.source = source
        register(value.strip())

    def reveal(self) -> str:
        """Return the key itself. Only a transport needs it, at the moment of sending."""
        return self._reveal()

    def usable(self) -> Secret:
        """Return the key without the white space around it, as key files have it.

        Raises ConfigurationError for a key that no header can carry; it is not shown.
        """
        if problem := _problem_with_key(self.reveal()):
            raise ConfigurationError(f"The key from {self.source} {problem}.", hint="Copy it once more.")
        return Secret(self.reveal().strip(), source=self.source)

    def __repr__(self) -> str:
        return f"<set, from {self.source}>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> str:
        raise TypeError("A Secret is not pickled: set the key again where it is needed.")


def _problem_with_key(value: str) -> str:
    value = value.strip()
    if not value:
        return "is empty"
    fits = value.isascii() and value.isprintable()
    return "" if fits else "holds characters that no key has, such as a line break or an accent"


class Unseen(Mapping[str, str]):
    """A mapping that shows its names and no value: an environment, or headers. Tracebacks print what they find."""

    def __init__(self, content: Mapping[str, str]) -> None:
        self._look_up: Callable[[str], str] = lambda name: content[name]
        self._names: Callable[[], list[str]] = lambda: list(content)

    def __getitem__(self, name: str) -> str:
        return self._look_up(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def __repr__(self) -> str:
        return f"<{', '.join([*self][:5])}{', …' if len(self) > 5 else ''}>"


def environment(env: Mapping[str, str] | None = None) -> Mapping[str, str]:
    """Return the environment, or what stands in for it, in a form that shows none of its values."""
    return env if isinstance(env, Unseen) else Unseen(os.environ if env is None else env)


class Address(str):
    """A URL that is shown without the password and the query that may be in it, in a traceback too."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(shown_address(self))


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
    before, found, rest = str(url).partition("://")
    if not found:  # somebody forgot the scheme, and not the password
        before, rest = "", before
    rest, asked, _ = rest.replace("#", "?").partition("?")
    authority, slash, path = rest.partition("/")
    _, at, host = authority.rpartition("@")
    return f"{before}{found}{'…@' if at else ''}{host}{slash}{path}{'?…' if asked else ''}"


def secret_of(key: str | Secret | None) -> Secret | None:
    """Return a key that shows nothing, whatever form it came in."""
    return Secret(key) if isinstance(key, str) else key


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
        return scrub(f"Settings({', '.join(rows)})")
