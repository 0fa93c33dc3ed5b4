"""The form that an answer must have: a pydantic model or another type, or a JSON schema. It reads answers, too."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from magistral_nb.errors import ConfigurationError
from magistral_nb.structured.faults import MisfitError, pydantic_faults, schema_faults
from magistral_nb.structured.json_in_text import json_texts
from magistral_nb.structured.tidy_schemas import tidied

_SCHEMA_WORDS = {"type", "properties", "$ref", "anyOf", "oneOf", "allOf", "enum", "const", "items", "$defs"}
_WHAT_IT_MAY_BE = "It may be a pydantic model, a dataclass, a TypedDict, or a JSON schema as a dict."


@dataclass(frozen=True)
class AnswerForm:
    """What an answer must be.

    name : what people and servers call it. schema : its JSON schema. check : turns one JSON text into a value, and
    raises MisfitError.
    """

    name: str
    schema: Mapping[str, Any]
    check: Callable[[str], Any]

    @classmethod
    def of(cls, wanted: Any) -> AnswerForm | None:
        """Return the form that `response_format=` means, or None for free text. Raises ConfigurationError."""
        if wanted is None or isinstance(wanted, cls):
            return wanted
        if isinstance(wanted, Mapping):
            return _of_dict(wanted)
        return _of_type(wanted)

    @property
    def wire(self) -> dict[str, Any]:
        """The field `response_format` of a request, as OpenAI spells it."""
        told = {"name": self.name, "schema": dict(self.schema), "strict": _is_strict(self.schema)}
        return {"type": "json_schema", "json_schema": told}

    @property
    def request(self) -> str:
        """What the model is told, at the end of the question."""
        schema = json.dumps(self.schema, ensure_ascii=False)
        return f"The answer, after any thinking, must be JSON that fits this schema, and nothing else:\n\n{schema}"

    def read(self, answer: str) -> Any:
        """Return the value that an answer holds. Raises MisfitError."""
        misfit = MisfitError(["it holds no JSON" if answer.strip() else "it is empty"])
        for number, text in enumerate(json_texts(answer)):
            try:
                return self.check(text)
            except MisfitError as error:
                misfit = misfit if number else error
        raise misfit


def _of_dict(wanted: Mapping[str, Any]) -> AnswerForm | None:
    kind = wanted.get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        return _of_schema("answer", {"type": "object"})
    told = wanted.get("json_schema") if kind == "json_schema" else {"schema": wanted}
    schema = told.get("schema") if isinstance(told, Mapping) else None
    if not isinstance(told, Mapping) or not isinstance(schema, Mapping) or not _SCHEMA_WORDS & schema.keys():
        raise ConfigurationError(f"response_format is no JSON schema: {str(wanted)[:80]}", hint=_WHAT_IT_MAY_BE)
    return _of_schema(str(told.get("name") or schema.get("title") or "answer"), schema)


def _of_schema(name: str, schema: Mapping[str, Any]) -> AnswerForm:
    from jsonschema import SchemaError
    from jsonschema.validators import Draft202012Validator, validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    try:
        plain = json.loads(json.dumps(schema))
        kind = validator_for(plain, default=Draft202012Validator)
        kind.check_schema(plain)
    except (TypeError, ValueError, RecursionError, SchemaError) as error:
        reason = error.message if isinstance(error, SchemaError) else str(error)
        raise ConfigurationError(f"response_format is no JSON schema: {reason[:200]}", hint=_WHAT_IT_MAY_BE) from error
    registry: Registry[Any] = Registry()
    validator = kind(plain, registry=registry)  # an empty registry fetches nothing from other places

    def check(text: str) -> Any:
        value = json.loads(text)
        try:
            faults = schema_faults(sorted(validator.iter_errors(value), key=lambda fault: list(map(str, fault.path))))
        except (Unresolvable, RecursionError) as error:
            raise ConfigurationError(f"The schema of response_format points nowhere: {error}.") from error
        if faults:
            raise MisfitError(faults)
        return value

    return AnswerForm(_named(name), plain, check)


def _of_type(wanted: Any) -> AnswerForm:
    from pydantic import BaseModel, TypeAdapter, ValidationError
    from pydantic.errors import PydanticUserError

    if isinstance(wanted, str | bytes | int | float | BaseModel | list | tuple | set):
        raise ConfigurationError(f"response_format is {str(wanted)[:80]!r}.", hint=_WHAT_IT_MAY_BE)
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(wanted)
        schema = tidied(adapter.json_schema())
    except (PydanticUserError, NameError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigurationError(f"response_format cannot be a JSON schema: {reason}", hint=_WHAT_IT_MAY_BE) from error

    def check(text: str) -> Any:
        try:
            return adapter.validate_json(text)
        except ValidationError as error:
            raise MisfitError(pydantic_faults(error)) from error

    return AnswerForm(_named(getattr(wanted, "__name__", "answer")), schema, check)


def _named(name: str) -> str:
    """Return a name as servers take it: letters, digits, underscores and dashes."""
    return re.sub(r"[^a-zA-Z0-9_-]+", "_", name)[:64].strip("_") or "answer"


def _is_strict(schema: Any) -> bool:
    """Say whether a schema keeps OpenAI's rules for `strict`: objects name all that they hold, and all of it is due."""
    if isinstance(schema, Mapping):
        if isinstance(properties := schema.get("properties"), Mapping) or schema.get("type") == "object":
            names = set(properties or ())
            if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != names:
                return False
        return all(_is_strict(value) for value in schema.values())
    return all(map(_is_strict, schema)) if isinstance(schema, list) else True
