"""`--response-format NAME`: the model or schema that a variable of the notebook holds."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from magistral_nb.errors import ConfigurationError
from magistral_nb.structured import AnswerForm


def format_named(name: str, names: Mapping[str, Any]) -> Any:
    """Return what `response_format=` takes. Raises ConfigurationError for a name that is unknown, or holds no form."""
    if name not in names:
        close = get_close_matches(name, [known for known in names if not known.startswith("_")], n=1)
        guess = f" Did you mean {close[0]}?" if close else ""
        raise ConfigurationError(
            f"--response-format {name}: there is no variable of that name in the notebook.",
            hint=f"Define a pydantic model, or a JSON schema as a dict, in a cell above.{guess}",
        )
    try:
        AnswerForm.of(names[name])
    except ConfigurationError as error:
        raise ConfigurationError(f"--response-format {name}: {error.message}", hint=error.hint) from error
    if names[name] is None:
        raise ConfigurationError(f"--response-format {name}: its value is None.", hint="Define it in a cell above.")
    return names[name]
