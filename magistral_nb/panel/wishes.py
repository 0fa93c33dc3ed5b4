"""What the reader has set in a panel: for the rest, the settings of the client hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from magistral_nb.call_settings import CallSettings
from magistral_nb.client import Client
from magistral_nb.conversations import Conversation
from magistral_nb.errors import ConfigurationError
from magistral_nb.scrubbing import scrub_data

LONGEST = 200_000
"""A text that is longer is no instruction, in characters."""
OF_CALLS: Final = ("model", "system", "instructions", "temperature", "top_p", "max_tokens", "seed")
NAMES: Final = ("endpoint", "keep_thinking", *OF_CALLS)
"""What can be set."""
NO_PROMPT: Final = ""
"""How a page asks for no system prompt at all: None takes a value back."""
_WHOLE = ("max_tokens", "seed")


class Wishes:
    """The settings of a panel. `given` goes along with each question; endpoint and policy are the conversation's.

    own : what the author of the panel gave for all its questions.
    """

    def __init__(self, conversation: Conversation, own: CallSettings) -> None:
        if "keep_thinking" in own:
            conversation.keep_thinking = own["keep_thinking"]
        self._own = {name: value for name, value in own.items() if name != "keep_thinking"}
        self.given = cast(CallSettings, self._own)
        self._conversation = conversation
        self._first = conversation.client
        self._first_policy = conversation.keep_thinking
        self._clients: dict[str, Client] = {}

    @property
    def clients(self) -> list[Client]:
        """The clients that can be gone back to, the author's own first."""
        return [self._first, *self._clients.values()]

    def in_force(self) -> dict[str, Any]:
        """Return the values in force, for the page. Where nothing says where to ask, only what was set."""
        talk = self._conversation
        own = talk.with_own_settings(self.given)
        try:
            settings = talk.client.settings_for(own)
        except ConfigurationError:
            values = {"system": "default", **cast(Mapping[str, Any], own)}
            return {name: scrub_data(values.get(name)) for name in NAMES}
        return {name: scrub_data(getattr(settings, name)) for name in NAMES}

    def set(self, values: Mapping[str, Any]) -> None:
        """Set some of the `NAMES`; None takes a value back, and `NO_PROMPT` for `system` is none. If one is refused,
        nothing is changed.

        Raises ConfigurationError that names the setting.
        """
        for name, value in values.items():
            _check(name, value)
        wanted: dict[str, Any] = dict(self.given)
        if "endpoint" in values:
            wanted.pop("model", None)  # a model's id means nothing elsewhere
        for name in OF_CALLS:
            if name in values:
                wanted.pop(name, None)
                wanted |= self._wanted(name, values[name])
        talk = self._conversation
        client = self._client_at(values["endpoint"]) if "endpoint" in values else talk.client
        policy = values.get("keep_thinking", talk.keep_thinking)
        checked = wanted if policy is None else {**wanted, "keep_thinking": policy}
        if _name_of(client) is not None:  # else nothing can be asked anyway, and they are checked when it can
            client.settings_for(cast(CallSettings, checked))
        self.given = cast(CallSettings, wanted)
        talk.client = client
        talk.keep_thinking = self._first_policy if policy is None else policy

    def close(self) -> None:
        """Close the clients that were made here."""
        for client in self._clients.values():
            client.close()

    def _wanted(self, name: str, value: Any) -> dict[str, Any]:
        if value is None:
            return {name: self._own[name]} if name in self._own else {}
        return {name: None if name == "system" and value == NO_PROMPT else value}

    def _client_at(self, name: str | None) -> Client:
        if name is None or name == _name_of(self._first):
            return self._first
        if name not in self._clients:
            client = self._first.at(name)
            _ = client.endpoint  # an unknown name is refused here, not at the next question
            self._clients[name] = client
        return self._clients[name]


def _name_of(client: Client) -> str | None:
    try:
        return client.endpoint.name
    except ConfigurationError:
        return None


def _check(name: str, value: Any) -> None:
    """Refuse what no setting can be; their spans are checked where questions are made."""
    if name not in NAMES:
        raise ConfigurationError(f"A panel has no setting {name!r}.", hint=f"It has {', '.join(NAMES)}.")
    if value is None:
        return
    if name == "keep_thinking":
        if value not in ("none", "last", "all"):
            raise ConfigurationError(f"keep_thinking is {value!r}.", hint="It must be 'none', 'last' or 'all'.")
    elif name in ("temperature", "top_p", *_WHOLE):
        is_number = isinstance(value, int if name in _WHOLE else int | float) and not isinstance(value, bool)
        if not is_number:
            kind = "a whole number" if name in _WHOLE else "a number"
            raise ConfigurationError(f"{name} is {str(value)[:40]!r}.", hint=f"It must be {kind}.")
    elif not isinstance(value, str) or len(value) > LONGEST:
        raise ConfigurationError(f"{name} is no text, or too long.", hint=f"At most {LONGEST:,} characters.")
