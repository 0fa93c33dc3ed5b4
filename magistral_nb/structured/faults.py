"""What is wrong with JSON data, in a few lines for people and for models: where, what, and what came."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema import ValidationError as SchemaFault
    from pydantic import ValidationError

MOST = 5
"""More faults than that help nobody."""
_LONGEST = 200


class MisfitError(ValueError):
    """JSON data does not have the form that was asked for; `faults` says where and why, a line each."""

    def __init__(self, faults: Iterable[str]) -> None:
        found = list(faults)
        more = [f"and {len(found) - MOST} more"] if len(found) > MOST else []
        self.faults = [*found[:MOST], *more]
        super().__init__("; ".join(self.faults))


def pydantic_faults(error: ValidationError) -> list[str]:
    """Return what pydantic found wrong, a line for each fault."""
    return [_line(fault["loc"], str(fault["msg"]), fault) for fault in error.errors(include_url=False)]


def schema_faults(errors: Iterable[SchemaFault]) -> list[str]:
    """Return what jsonschema found wrong, a line for each fault."""
    return [_line(error.absolute_path, error.message, {}) for error in errors]


def short(value: object, most: int = 60) -> str:
    """Return a value as Python would write it, cut to what fits into a line."""
    shown = repr(value)
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def _line(place: Iterable[object], message: str, fault: Any) -> str:
    where = ".".join(map(str, place))
    is_missing = str(fault.get("type", "missing")).startswith("missing") or fault.get("type") == "json_invalid"
    came = "" if is_missing else f", not {short(fault.get('input'))}"
    text = f"{where}: {message}{came}" if where else f"{message}{came}"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
