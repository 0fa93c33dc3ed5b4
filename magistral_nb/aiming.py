"""Where the questions of one client go: chosen at the first need, given by others, or as a cassette says."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

from magistral_nb.cassettes import running
from magistral_nb.choosing import Choice, choose_endpoint, choose_to_look, find_key
from magistral_nb.connecting import look_at_model, with_options
from magistral_nb.endpoints import Endpoint
from magistral_nb.engine_options import EngineOptions
from magistral_nb.errors import ConfigurationError
from magistral_nb.settings import Secret, Settings, shown_address


@dataclass
class Aim:
    """What a client named, and the choice that came of it.

    made : the choice, once it is made. is_adopted : somebody else made it, for reasons of theirs.
    """

    endpoint: str | Endpoint | None
    base_url: str | None
    model: str | None
    options: EngineOptions = field(default_factory=EngineOptions)
    made: Choice | None = None
    is_adopted: bool = False

    @property
    def named(self) -> str:
        """What the client named, as it may be shown."""
        named = self.endpoint.name if isinstance(self.endpoint, Endpoint) else self.endpoint
        return named or (shown_address(self.base_url) if self.base_url else "as the environment says")

    def look_ahead(self, api_key: Secret | None) -> None:
        """Choose and look for the key beforehand, which may take time."""
        row = self.choice().endpoint
        with suppress(ConfigurationError):  # it is raised when the key is needed: a wrong question needs none
            find_key(row, api_key)

    def choice(self) -> Choice:
        """Return where questions go now. A cassette that is played says where, for as long as it is."""
        if self.is_adopted:
            return self._live()
        return with_options(running.choose(self._live, self.endpoint, self.base_url), self.options)

    def live_choice(self) -> Choice:
        """Return where a model can be asked. Raises ConfigurationError if only a cassette says where."""
        choice = self._live()
        if choice.is_recorded:
            raise ConfigurationError("No endpoint is set up here.", hint="Name one, such as Client('demo').")
        return choice

    def choice_to_look(self) -> Choice:
        """Return where a prompt that is only looked at would go; nobody is asked."""
        chosen = self._to_look() if self.is_adopted else running.choose(self._to_look, self.endpoint, self.base_url)
        return with_options(chosen, self.options)

    def adopt(self, choice: Choice) -> bool:
        """Take over a choice of somebody else; return whether it leads elsewhere than the one before."""
        choice = with_options(choice, self.options)
        leads_elsewhere = self.made is not None and self.made.endpoint != choice.endpoint
        self.made, self.is_adopted = choice, True
        return leads_elsewhere

    def look(self, row: Endpoint, settled: Settings) -> Endpoint:
        """Return the endpoint with what its model's own file, or a cassette that is played, says of the model."""
        return running.look(
            lambda: look_at_model(row, settled.model, settled.revision, self.options), row, settled.model
        )

    def _live(self) -> Choice:
        if self.made is None:
            chosen = choose_endpoint(self.endpoint, self.base_url, model=self.model)
            self.made = with_options(chosen, self.options)
        return self.made

    def _to_look(self) -> Choice:
        return self.made or choose_to_look(self.endpoint, self.base_url, model=self.model)
