"""A key that is typed into a notebook: the front end asks for it, and it is in no cell and no output."""

from __future__ import annotations

from IPython.core.error import StdinNotImplementedError

from magistral_nb.errors import ConfigurationError
from magistral_nb.keys.logging_in import type_unseen


def ask_for_key(prompt: str) -> str:
    """Return what the user types, unseen. Raises ConfigurationError where nobody can be asked."""
    try:
        return type_unseen(prompt)
    except (StdinNotImplementedError, EOFError):
        raise ConfigurationError(
            "Nobody can be asked for a key here: this notebook runs without a person.",
            hint="Type `python -m magistral_nb login NAME` in a terminal, or set the environment variable.",
        ) from None
