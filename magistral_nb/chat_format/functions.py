"""The functions that a model may call: their definitions, its calls, and the JSON in which the format writes both."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from magistral_nb.chat_format.characters import encodable
from magistral_nb.chat_format.refusals import refusal
from magistral_nb.chat_format.turns import NO_ID
from magistral_nb.errors import TemplateError
from magistral_nb.events import ToolCall
from magistral_nb.tools import Usable, definition_of

MOST_TOOLS = 1_000
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
NAME_RULE = "a function's name has 1 to 64 letters (a-z), digits, underscores or dashes"


def is_function_name(name: object) -> bool:
    """Tell whether a function may have that name."""
    return isinstance(name, str) and bool(_NAME.fullmatch(name))


def json_text(value: object) -> str:
    """Return JSON as the models were trained on it: a space after comma and colon, no character escaped.

    Raises ValueError for what is no JSON, or nested too deeply.
    """
    try:
        return encodable(json.dumps(value, ensure_ascii=False))
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def read_call(call: object, number: int) -> ToolCall:
    """Return one of the calls of message `number`, its arguments written anew."""
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(call, Mapping) or not isinstance(function, Mapping) or "arguments" not in function:
        raise refusal(
            "a call has the shape {'id': …, 'function': {'name': …, 'arguments': …}}.", number=number, role="assistant"
        )
    if call.get("type", "function") != "function":
        raise refusal(f"it calls a {call['type']!r}, not a function.", number=number, role="assistant")
    name, call_id = function.get("name"), call.get("id", NO_ID)
    if not is_function_name(name):
        raise refusal(f"it calls {str(name)[:80]!r}, but {NAME_RULE}.", number=number, role="assistant")
    if not isinstance(call_id, str):
        raise refusal("the id of a call must be text.", number=number, role="assistant")
    return ToolCall(call_id, str(name), _arguments(function["arguments"], number))


def read_tools(tools: Sequence[Usable] | None) -> list[dict[str, Any]]:
    """Return the definitions as the format tells them: name, description and parameters, in this order.

    A function stands for its own definition.
    Raises TemplateError for a definition that is no OpenAI-shaped function, or whose parameters are no JSON Schema.
    """
    if tools is None:
        return []
    if isinstance(tools, str | bytes | Mapping) or not isinstance(tools, Sequence):
        raise TemplateError(f"Tools are a list of definitions, not a {type(tools).__name__}.")
    if len(tools) > MOST_TOOLS:
        raise TemplateError(f"There are {len(tools):,} tools; {MOST_TOOLS:,} are the limit.")
    return [_definition(number, definition_of(tool)) for number, tool in enumerate(tools, 1)]


def _arguments(arguments: object, number: int) -> str:
    """Write arguments anew. What is not JSON becomes a JSON string, since the format has no other place for it."""
    if arguments is None or arguments == "":
        return "{}"
    try:
        value = _parsed(arguments) if isinstance(arguments, str) else arguments
        if isinstance(value, Mapping):
            value = dict(value)
        elif not isinstance(arguments, str):
            raise ValueError(f"they are a {type(arguments).__name__}")
        return json_text(value)
    except (ValueError, RecursionError) as error:
        rule = f"the arguments of a call must be JSON text or a dict ({error})."
        raise refusal(rule, number=number, role="assistant") from error


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _definition(number: int, tool: object) -> dict[str, Any]:
    function = tool.get("function") if isinstance(tool, Mapping) else None
    if not isinstance(tool, Mapping) or not isinstance(function, Mapping) or tool.get("type", "function") != "function":
        raise TemplateError(f"Tool {number}: a tool has the shape {{'type': 'function', 'function': {{'name': …}}}}.")
    name, description, parameters = (function.get(field) for field in ("name", "description", "parameters"))
    if not is_function_name(name):
        raise TemplateError(f"Tool {number}: it is called {str(name)[:80]!r}, but {NAME_RULE}.")
    description = "" if description is None else description
    parameters = {} if parameters is None else parameters
    if not isinstance(description, str):
        raise TemplateError(f"Tool {number} ({name}): its description is a {type(description).__name__}, not text.")
    if not isinstance(parameters, Mapping):
        raise TemplateError(f"Tool {number} ({name}): its parameters are a {type(parameters).__name__}, not a schema.")
    plain = _plain_schema(parameters, f"Tool {number} ({name})")
    return {"type": "function", "function": {"name": name, "description": encodable(description), "parameters": plain}}


def _plain_schema(parameters: Mapping[str, Any], whose: str) -> dict[str, Any]:
    """Return the parameters as plain JSON data, checked against JSON Schema's draft 7."""
    from jsonschema import Draft7Validator, SchemaError

    try:
        plain: dict[str, Any] = json.loads(json_text(dict(parameters)))
        Draft7Validator.check_schema(plain)
    except (ValueError, RecursionError) as error:
        raise TemplateError(f"{whose}: its parameters are not JSON ({error}).") from error
    except SchemaError as error:
        raise TemplateError(f"{whose}: its parameters are no JSON Schema ({error.message}).") from error
    return plain
