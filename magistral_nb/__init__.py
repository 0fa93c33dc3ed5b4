"""The notebook home of reasoning models: Magistral Small in Jupyter, with thinking and answer apart.

>>> from magistral_nb import Client
>>> reply = Client("demo").chat("Why is the sky blue?")
>>> print(reply.thinking, reply.answer)

In a notebook, `%load_ext magistral_nb` brings the `%%magistral` cell magic. Names are loaded on first use: importing
the package costs milliseconds, and no HTTP client, no IPython, no engine.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from magistral_nb._version import __version__

if TYPE_CHECKING:
    from magistral_nb.budgets import Budget as Budget
    from magistral_nb.cassettes import record as record
    from magistral_nb.cassettes import replay as replay
    from magistral_nb.chat_format import Prompt as Prompt
    from magistral_nb.client import Client as Client
    from magistral_nb.conversations import Conversation as Conversation
    from magistral_nb.conversations import Turn as Turn
    from magistral_nb.costs import Price as Price
    from magistral_nb.endpoints import ENDPOINTS as ENDPOINTS
    from magistral_nb.endpoints import Endpoint as Endpoint
    from magistral_nb.errors import APIConnectionError as APIConnectionError
    from magistral_nb.errors import APITimeoutError as APITimeoutError
    from magistral_nb.errors import AuthenticationError as AuthenticationError
    from magistral_nb.errors import BadRequestError as BadRequestError
    from magistral_nb.errors import BudgetExceededError as BudgetExceededError
    from magistral_nb.errors import CassetteMissError as CassetteMissError
    from magistral_nb.errors import ConfigurationError as ConfigurationError
    from magistral_nb.errors import ConnectionLostError as ConnectionLostError
    from magistral_nb.errors import ContextLengthError as ContextLengthError
    from magistral_nb.errors import InternalServerError as InternalServerError
    from magistral_nb.errors import MagistralError as MagistralError
    from magistral_nb.errors import MissingKeyError as MissingKeyError
    from magistral_nb.errors import NotAnAPIError as NotAnAPIError
    from magistral_nb.errors import NotFoundError as NotFoundError
    from magistral_nb.errors import PermissionDeniedError as PermissionDeniedError
    from magistral_nb.errors import ProtocolError as ProtocolError
    from magistral_nb.errors import QuotaError as QuotaError
    from magistral_nb.errors import RateLimitError as RateLimitError
    from magistral_nb.errors import ServerStreamError as ServerStreamError
    from magistral_nb.errors import StreamError as StreamError
    from magistral_nb.errors import StreamStalledError as StreamStalledError
    from magistral_nb.errors import TemplateError as TemplateError
    from magistral_nb.errors import TooLargeError as TooLargeError
    from magistral_nb.errors import UnknownEndpointError as UnknownEndpointError
    from magistral_nb.events import AnswerDelta as AnswerDelta
    from magistral_nb.events import Done as Done
    from magistral_nb.events import Event as Event
    from magistral_nb.events import Notice as Notice
    from magistral_nb.events import Reclassified as Reclassified
    from magistral_nb.events import Started as Started
    from magistral_nb.events import ThinkingDelta as ThinkingDelta
    from magistral_nb.events import ToolCall as ToolCall
    from magistral_nb.events import Usage as Usage
    from magistral_nb.events import Waiting as Waiting
    from magistral_nb.messages import Message as Message
    from magistral_nb.messages import assistant as assistant
    from magistral_nb.messages import system as system
    from magistral_nb.messages import tool as tool
    from magistral_nb.messages import user as user
    from magistral_nb.panel import ChatPanel as ChatPanel
    from magistral_nb.replies import Reply as Reply
    from magistral_nb.settings import Secret as Secret
    from magistral_nb.settings import Timeouts as Timeouts
    from magistral_nb.tokens import TokenCount as TokenCount
    from magistral_nb.tools import Tool as Tool
    from magistral_nb.tools import check_call as check_call

_HOMES = {
    "budgets": ["Budget"],
    "cassettes": ["record", "replay"],
    "chat_format": ["Prompt"],
    "client": ["Client"],
    "conversations": ["Conversation", "Turn"],
    "costs": ["Price"],
    "endpoints": ["ENDPOINTS", "Endpoint"],
    "errors": [
        "APIConnectionError", "APITimeoutError", "AuthenticationError", "BadRequestError", "BudgetExceededError",
        "CassetteMissError",
        "ConfigurationError", "ConnectionLostError", "ContextLengthError", "InternalServerError", "MagistralError",
        "MissingKeyError", "NotAnAPIError", "NotFoundError", "PermissionDeniedError", "ProtocolError", "QuotaError",
        "RateLimitError", "ServerStreamError", "StreamError", "StreamStalledError", "TemplateError", "TooLargeError",
        "UnknownEndpointError",
    ],
    "events": [
        "AnswerDelta", "Done", "Event", "Notice", "Reclassified", "Started", "ThinkingDelta", "ToolCall", "Usage",
        "Waiting",
    ],
    "messages": ["Message", "assistant", "system", "tool", "user"],
    "panel": ["ChatPanel"],
    "replies": ["Reply"],
    "settings": ["Secret", "Timeouts"],
    "tokens": ["TokenCount"],
    "tools": ["Tool", "check_call"],
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["__version__", "load_ipython_extension", "unload_ipython_extension", *sorted(_HOME_OF)]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME_OF])


def load_ipython_extension(shell: Any) -> None:
    """Bring `%magistral` and `%%magistral` (`%load_ext magistral_nb`). Silent; nothing else changes."""
    from magistral_nb.notebook.magics import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take the magics away again (`%unload_ext magistral_nb`)."""
    from magistral_nb.notebook.magics import unload

    unload(shell)
