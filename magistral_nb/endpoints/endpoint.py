"""What there is to know about a place that answers questions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from magistral_nb.costs import Price
from magistral_nb.dialects import PLAIN, Dialect
from magistral_nb.settings import Address, Secret, Timeouts, Unseen

Engine = Literal["http", "demo", "llamacpp", "transformers"]

KEEP_THE_PROMPT = "Was the default system prompt replaced? Use instructions=… to add to it."
"""The first thing to look at when a Magistral does not think, wherever it runs."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where questions go, and the facts about that place.

    key_env : the environment variable that holds its key; None if there is no such variable.
    key_needed : whether it answers nobody without a key. A server of your own may have been started with one or not.
    key_counts : whether a key for it says that you want to ask there. One that opens other doors too does not.
    revision : which Magistral it serves (2506, 2507, 2509); None to tell from the model id.
    template : the chat format of its model, if it is none of Magistral's (see `chat_format`).
    system : whether the default reasoning prompt belongs to its model.
    json_schema : whether it holds an answer to a JSON schema and lets the model think before; else our own check of
        the answer has to do.
    context : the window, in tokens; None if nobody knows, or if whoever starts the server decides.
    price : USD by the million tokens, or None.
    hint : what to do when it cannot be reached or knows no such model.
    label : what readers must know about every reply, such as that its model is a toy.
    engine : `http` for a server, `llamacpp` for a file of your own in this process, `demo` for the embedded model.
    also_at : other usual addresses of such a server on this machine; `Client("auto")` looks there too.
    api_key : its key, from a settings file that nobody else can read. The variable and the keyring win over it.
    allow_insecure : whether a key may go there over http, where others on the way can read it.
    """

    name: str
    base_url: str = ""
    key_env: str | None = None
    key_needed: bool = True
    key_counts: bool = True
    model: str | None = None
    revision: str | None = None
    template: str | None = None
    system: bool = True
    dialect: Dialect = PLAIN
    json_schema: bool = True
    context: int | None = None
    price: Price | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)
    headers: Mapping[str, str] = field(default_factory=dict)
    hint: str = ""
    label: str | None = None
    engine: Engine = "http"
    description: str = ""
    also_at: tuple[str, ...] = ()
    api_key: Secret | None = None
    allow_insecure: bool = False

    def __post_init__(self) -> None:
        """Keep passwords in the address and in the headers out of sight."""
        object.__setattr__(self, "base_url", Address(self.base_url))
        object.__setattr__(self, "headers", Unseen(self.headers))

    @property
    def chosen_by_key(self) -> bool:
        """Whether its key alone, found in the environment, is reason enough to ask here."""
        return self.key_env is not None and self.key_needed and self.key_counts
