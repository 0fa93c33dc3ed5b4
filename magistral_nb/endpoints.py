"""The table of providers: one row each. A new provider is a new row, never a new `if`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from magistral_nb.costs import Price
from magistral_nb.dialects import PLAIN, Dialect
from magistral_nb.settings import Timeouts

Engine = Literal["http", "llamacpp"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where questions go, and the facts about that place.

    key_env : the environment variable that holds its key; None if it needs none.
    revision : which Magistral it serves (2506, 2507, 2509); None to tell from the model id.
    system : whether the default reasoning prompt belongs to its model.
    context : the window, in tokens; None if nobody knows. price : USD by the million tokens, or None.
    hint : what to do when it cannot be reached or knows no such model.
    label : what readers must know about every reply, such as that its model is a toy.
    engine : `http` for a server, or an engine in this process.
    """

    name: str
    base_url: str = ""
    key_env: str | None = None
    model: str | None = None
    revision: str | None = None
    system: bool = True
    dialect: Dialect = PLAIN
    context: int | None = None
    price: Price | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)
    headers: Mapping[str, str] = field(default_factory=dict)
    hint: str = ""
    label: str | None = None
    engine: Engine = "http"
    description: str = ""


_ROWS = (
    Endpoint(
        name="navigator",
        description="University of Florida NaviGator",
        base_url="https://api.ai.it.ufl.edu/v1",
        key_env="NAVIGATOR_API_KEY",
        model="magistral-small",
        context=40_000,
        price=Price(0.99, 0.99),
        hint="Keys come from UF's NaviGator service; off campus the VPN may be needed.",
    ),
    Endpoint(
        name="together",
        description="Together AI, a dedicated endpoint",
        base_url="https://api.together.ai/v1",
        key_env="TOGETHER_API_KEY",
        revision="2506",
        context=128_000,
        hint="A dedicated endpoint must be running; its name is the model: Client('together', model='…').",
    ),
    Endpoint(
        name="demo",
        description="the embedded demonstration model, in this process: no key, no network",
        model="smollm2-135m-instruct",
        system=False,
        dialect=Dialect(name="demo", opens_thought=True),
        context=8192,
        label=(
            "A demonstration model with 135 million parameters: often wrong. "
            "A grammar makes it think before it answers."
        ),
        engine="llamacpp",
    ),
)

ENDPOINTS: Mapping[str, Endpoint] = MappingProxyType({row.name: row for row in _ROWS})
"""All known endpoints by name."""


def plain_endpoint(base_url: str) -> Endpoint:
    """Return an endpoint for any OpenAI-compatible server; it understands every dialect by itself."""
    return Endpoint(
        name=base_url,
        base_url=base_url,
        key_env="MAGISTRAL_API_KEY",
        description="an OpenAI-compatible server",
        hint="Is the server running, and is the address right? It often ends in /v1.",
    )
