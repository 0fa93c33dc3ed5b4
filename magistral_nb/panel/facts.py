"""What a panel says beside the log: the endpoints there are, how full the window is, what was spent, how to begin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from magistral_nb.budgets import UNITS, Budget
from magistral_nb.call_settings import CallSettings
from magistral_nb.client import Client
from magistral_nb.conversations import Conversation
from magistral_nb.conversations.window import measure
from magistral_nb.endpoints import Endpoint
from magistral_nb.errors import ConfigurationError
from magistral_nb.messages import user
from magistral_nb.scrubbing import scrub_data
from magistral_nb.settings import environment, shown_address
from magistral_nb.settings_files import load_settings

Data = dict[str, Any]
EXAMPLES = (
    "Why is the sky blue?",
    "Is 91 a prime number? Show how you found out.",
    "Explain recursion to me with one short example in Python.",
)
"""Questions to begin with, where the author of a panel names no others."""


_LOGIN = (
    "Keep one in the keyring with `%magistral login` and the endpoint's name, set the variable before Jupyter is "
    "started, or choose an endpoint that needs none, such as demo."
)


def choices_of(clients: Sequence[Client], models: Sequence[str] | None = None, error: str = "") -> Data:
    """Return the endpoints to choose from, and the models that the endpoint offers if it was asked."""
    env = environment()
    rows: Mapping[str, Endpoint]
    try:
        rows = load_settings(env).endpoints
    except ConfigurationError:  # what is wrong with the file is told by the welcome
        rows = {}
    own = {row.name: row for client in clients if (row := _endpoint(client))}
    told = [_choice(row, env) for row in {**own, **rows}.values()]
    found: Data = scrub_data(
        {"endpoints": told, "models": None if models is None else list(models), "models_error": error}
    )
    return found


def welcome_of(conversation: Conversation, examples: Sequence[str]) -> Data:
    """Return how to begin: three questions, where they go and why, or what to do first."""
    told: Data = {"endpoint": None, "why": "", "examples": list(examples), "help": None}
    try:
        settings = conversation.client.settings
        told["endpoint"], told["why"] = settings.sources["endpoint"]
        if str(settings.api_key).startswith("<not set"):
            told["help"] = f"{str(settings.api_key)[len('<not set: ') : -1]} {_LOGIN}"
    except ConfigurationError as error:
        told["help"] = f"{error.message}\n{error.hint}".strip()
    found: Data = scrub_data(told)
    return found


def meter_of(conversation: Conversation, given: CallSettings) -> Data:
    """Return how full the model's window is, what was spent, and the budget."""
    own = conversation.with_own_settings(given)
    told: Data = {"used": 0, "limit": None, "exact": False, "tokens": None, "cost": None, "budget": None}
    usage = conversation.usage
    if usage is not None:
        counts: Data = {"prompt": usage.prompt_tokens, "completion": usage.completion_tokens}
        told |= {"tokens": counts | {"reasoning": usage.reasoning_tokens}, "cost": usage.cost}
    try:
        found = measure(conversation.client, [*conversation.messages, user("")], own)
        limit = conversation.context.limit if found.limit is None else found.limit
        told |= {"used": found.tokens, "limit": limit, "exact": found.exact}
        told["budget"] = _budget(conversation.client.settings_for(own).budget)
    except ConfigurationError:  # nothing says where to ask, or a settings file is wrong: the welcome says so
        pass
    return told


def _budget(budget: Budget | None) -> Data | None:
    if budget is None:
        return None
    unit = next(unit for unit in UNITS if getattr(budget.limit, unit) is not None)
    told = {"spent": getattr(budget.spent, unit), "limit": getattr(budget.limit, unit), "unit": unit}
    return told | {"text": budget.told(unit)}


def _choice(row: Endpoint, env: Mapping[str, str]) -> Data:
    why = _missing(row, env)
    return {
        "name": row.name,
        "description": row.description or shown_address(row.base_url) or "",
        "ready": not why,
        "why": why,
    }


def _missing(row: Endpoint, env: Mapping[str, str]) -> str:
    """Return what is missing to ask there, or "". The keyring is not asked: that may take long for many rows."""
    if not row.key_env or not row.key_needed or row.api_key or env.get(row.key_env):
        return ""
    return f"${row.key_env} is not set; a key that `%magistral login {row.name}` has kept would do, too"


def _endpoint(client: Client) -> Endpoint | None:
    try:
        return client.endpoint
    except ConfigurationError:
        return None
