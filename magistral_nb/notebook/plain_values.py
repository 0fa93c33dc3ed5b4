"""What a `--jinja` template may see of a notebook's variables: their plain data, told as JSON, and no live object."""

from __future__ import annotations

import sys
from collections.abc import Set
from datetime import date, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePath
from typing import Any

from magistral_nb.replies import Reply
from magistral_nb.scrubbing import scrub

DEEPEST = 20
"""How deep lists and dicts may lie in each other."""
_AS_TEXT = (date, time, timedelta, Decimal, Fraction, PurePath, complex)


def told(value: object, depth: int = 0) -> Any:
    """Return a value in the form that `transports/template_renderer.py` reads, or `{"refused": why}`.

    Text, numbers, None, lists, tuples, sets and dicts are told as they are. Replies and NumPy's arrays become dicts and
    lists; dates, paths and tables of pandas and polars become their text. A text that holds a key is refused.

    >>> told({"n": [1, 2]})
    {'dict': [['n', {'list': [1, 2]}]]}
    """
    if depth > DEEPEST:
        return {"refused": f"nested more than {DEEPEST} deep"}
    if isinstance(value, Reply):
        return {"reply": told(value.to_dict(), depth + 1)["dict"]}
    match _simpler(value):
        case None | bool() as simple:
            return simple
        case int() as number:
            return (
                int(number)
                if number.bit_length() < 10_000
                else {"refused": "a number with thousands of digits; make a text of it"}
            )
        case float() as number:
            return float(number)
        case str() as text:
            return (
                str.__str__(text)
                if scrub(text) == text
                else {"refused": "a text with a key in it, and keys do not go into prompts"}
            )
        case list() | tuple() | Set() as several:
            kind = "list" if isinstance(several, list) else "tuple" if isinstance(several, tuple) else "set"
            return {kind: [told(one, depth + 1) for one in several]}
        case dict() as table:
            return {"dict": [[told(name, depth + 1), told(one, depth + 1)] for name, one in table.items()]}
    kind = type(value).__name__
    return {"refused": f"of type {kind}, and only plain data can be filled in; make a text of it in a cell above"}


def _simpler(value: object) -> object:
    if isinstance(value, _AS_TEXT) or _is_of(value, pandas=("DataFrame", "Series"), polars=("DataFrame", "Series")):
        return str(value)
    if _is_of(value, numpy=("generic", "ndarray")):
        return value.tolist()  # type: ignore[attr-defined]  # NumPy is not needed, so its types are not known here
    return value


def _is_of(value: object, **packages: tuple[str, ...]) -> bool:
    """Tell whether a value is of one of the named types, without importing what nobody has imported."""
    loaded = [(sys.modules[package], names) for package, names in packages.items() if package in sys.modules]
    types = [getattr(package, name, None) for package, names in loaded for name in names]
    return isinstance(value, tuple(one for one in types if isinstance(one, type)))
