"""A schema that pydantic made, tidied: no titles, which only repeat names, and objects that hold what they name."""

from __future__ import annotations

from typing import Any

_DATA = ("default", "const", "enum", "examples")
_NAMED = ("properties", "$defs")


def tidied(schema: Any) -> Any:
    """Return the schema without titles; an object that says nothing of other properties has none.

    >>> tidied({"title": "P", "type": "object", "properties": {"x": {"title": "X", "type": "integer"}}})
    {'type': 'object', 'properties': {'x': {'type': 'integer'}}, 'additionalProperties': False}
    """
    if isinstance(schema, list):
        return [tidied(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, Any] = {}
    for word, value in schema.items():
        if word in _NAMED and isinstance(value, dict):
            kept[word] = {name: tidied(inner) for name, inner in value.items()}
        elif word in _DATA:
            kept[word] = value
        elif word != "title":
            kept[word] = tidied(value)
    if "properties" in kept:
        kept.setdefault("additionalProperties", False)
    return kept
