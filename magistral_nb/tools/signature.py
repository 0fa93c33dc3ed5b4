"""A Python function's signature and docstring become a JSON schema, and a reader of arguments that keeps to it.

pydantic makes the schema from the type hints and checks arguments; docstring_parser reads the docstring, in the styles
of Google, NumPy, reST and Epydoc.
"""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from magistral_nb.errors import ConfigurationError
from magistral_nb.structured.faults import MisfitError, pydantic_faults, short
from magistral_nb.structured.tidy_schemas import tidied

_UNNAMED = {
    inspect.Parameter.VAR_POSITIONAL: "*",
    inspect.Parameter.VAR_KEYWORD: "**",
    inspect.Parameter.POSITIONAL_ONLY: "",
}


@dataclass(frozen=True)
class Signature:
    """What a function takes.

    description : what it does, for the model. schema : the JSON schema of its arguments. read : turns arguments, as
    JSON text, into those of a call in Python, and raises MisfitError for what the schema refuses.
    """

    description: str
    schema: Mapping[str, Any]
    read: Callable[[str], dict[str, Any]]


def signature_of(function: Callable[..., Any], name: str) -> Signature:
    """Return what a function, or a pydantic model, takes. Raises ConfigurationError, saying why, if nobody can say."""
    from pydantic import BaseModel

    if isinstance(function, type) and issubclass(function, BaseModel):
        return _of_model(function)
    told = _checked(_python_signature(function, name), name)
    doc = _docstring(function)
    return _signature(_standing_in(told, name), name, doc.description or "", _parameter_texts(doc), lambda value: value)


def _of_model(model: Any) -> Signature:
    doc = _docstring(model) if "__doc__" in vars(model) else _docstring(None)  # BaseModel's own is no description
    texts = _parameter_texts(doc)
    return _signature(model, model.__name__, doc.description or "", texts, lambda value: dict(value))


def _signature(
    kind: Any, name: str, description: str, texts: Mapping[str, str], as_arguments: Callable[[Any], dict[str, Any]]
) -> Signature:
    from pydantic import TypeAdapter, ValidationError
    from pydantic.errors import PydanticUserError
    from pydantic.json_schema import PydanticJsonSchemaWarning

    try:
        adapter: TypeAdapter[Any] = TypeAdapter(kind)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PydanticJsonSchemaWarning)  # a default that is no JSON is left out
            schema = tidied(adapter.json_schema())
    except (PydanticUserError, NameError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigurationError(
            f"The function {name} cannot be a tool: {reason}",
            hint="Hint its parameters with types that JSON has: str, int, list[…], Literal[…], a pydantic model.",
        ) from error
    schema.pop("description", None)
    for parameter, text in texts.items():
        if parameter in schema.get("properties", {}):
            schema["properties"][parameter].setdefault("description", text)

    def read(arguments: str) -> dict[str, Any]:
        named = _object_in(arguments)
        if "properties" in schema and not schema["additionalProperties"]:
            refuse_unknown(named, known=schema["properties"])
        try:
            return as_arguments(adapter.validate_json(arguments, strict=True))
        except ValidationError as error:
            raise MisfitError(pydantic_faults(error)) from error

    return Signature(description, schema, read)


def refuse_unknown(named: Mapping[str, Any], *, known: Collection[str]) -> None:
    """Raise MisfitError for arguments that do not exist; a pydantic model would ignore them."""
    if unknown := [name for name in named if name not in known]:
        raise MisfitError([f"{short(name)}: there is no such argument" for name in unknown])


def _object_in(arguments: str) -> dict[str, Any]:
    try:
        value = json.loads(arguments)
    except (ValueError, RecursionError) as error:
        raise MisfitError([f"they are no JSON: {str(error)[:120]}"]) from error
    if not isinstance(value, dict):
        raise MisfitError([f"they are {short(value)}, and should be a JSON object with names and values"])
    return value


def _python_signature(function: Callable[..., Any], name: str) -> inspect.Signature:
    try:
        return inspect.signature(function, eval_str=True)
    except NameError as error:
        raise ConfigurationError(
            f"The function {name} cannot be a tool: a type hint names {error.name!r}, which is not known there.",
            hint="Define that type at the top of the module or notebook, above the function.",
        ) from error
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{name} cannot be a tool: Python does not say what it takes.",
            hint="Write a function with type hints around it.",
        ) from error


def _checked(told: inspect.Signature, name: str) -> inspect.Signature:
    for parameter in told.parameters.values():
        if parameter.kind in _UNNAMED:
            shown = f"{_UNNAMED[parameter.kind]}{parameter.name}"
            raise ConfigurationError(
                f"The function {name} cannot be a tool: a model names every argument, and {shown} has no name of its "
                "own in a call.",
                hint="Write a function around it whose parameters can all be given by name.",
            )
        if parameter.annotation is parameter.empty:
            raise ConfigurationError(
                f"The function {name} cannot be a tool: its parameter {parameter.name} has no type hint.",
                hint=f"Write {parameter.name}: str, or whatever it takes.",
            )
    return told


def _standing_in(told: inspect.Signature, name: str) -> Callable[..., dict[str, Any]]:
    """Return a function of that signature that only hands its arguments back: pydantic checks, and nothing is run."""

    def hand_back(**arguments: Any) -> dict[str, Any]:
        return arguments

    hand_back.__signature__ = told  # type: ignore[attr-defined]  # inspect's protocol
    hand_back.__annotations__ = {one.name: one.annotation for one in told.parameters.values()}
    hand_back.__name__ = hand_back.__qualname__ = name
    return hand_back


def _docstring(documented: Any) -> Any:
    from docstring_parser import parse

    return parse(inspect.getdoc(documented) or "" if documented is not None else "")


def _parameter_texts(doc: Any) -> dict[str, str]:
    return {one.arg_name: " ".join(one.description.split()) for one in doc.params if one.description}
