"""A function as a tool, and the calls that a model asks for: checked, shown, and run on the caller's word only."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from magistral_nb.errors import ConfigurationError, ProtocolError
from magistral_nb.events import ToolCall
from magistral_nb.messages import Message
from magistral_nb.messages import tool as result_message
from magistral_nb.structured.faults import MisfitError, short
from magistral_nb.tools.signature import signature_of


class Tool:
    """A Python function that a model may ask for; the hints and the docstring say what the model is told of it.

    A pydantic model may stand in its place: then its fields are the parameters, and nothing can be run.

    name, description : in place of the function's own. Raises ConfigurationError for what cannot be a tool: parameters
    without type hints, `*args`, a lambda without a name.

    >>> def add(a: int, b: int) -> int:
    ...     '''Add two numbers.'''
    ...     return a + b
    >>> Tool(add).parameters["properties"]
    {'a': {'type': 'integer'}, 'b': {'type': 'integer'}}
    """

    def __init__(
        self, function: Callable[..., Any], *, name: str | None = None, description: str | None = None
    ) -> None:
        if not callable(function):
            raise ConfigurationError(f"A tool is a function, not {short(function)}.", hint=_WHAT_TOOLS_ARE)
        self.function = function
        self.name = name or str(getattr(function, "__name__", type(function).__name__))
        if self.name == "<lambda>":
            raise ConfigurationError("A lambda cannot be a tool: it has no name and no type hints.", hint="Use def.")
        self._signature = signature_of(function, self.name)
        self.description = self._signature.description if description is None else description

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The JSON schema of the arguments."""
        return self._signature.schema

    @property
    def definition(self) -> dict[str, Any]:
        """The tool in OpenAI's shape, as a request tells it."""
        told = {"name": self.name, "description": self.description, "parameters": dict(self.parameters)}
        return {"type": "function", "function": told}

    def check(self, call: ToolCall) -> CheckedCall:
        """Return the call with its arguments checked; nothing is run.

        Types are taken strictly: `"3"` is no int. Raises ProtocolError, which says what is wrong and what came.
        """
        if call.name != self.name:
            raise ProtocolError(f"The model called {short(call.name)}, and this tool is {self.name}.")
        try:
            arguments = self._signature.read(call.arguments.strip() or "{}")
        except MisfitError as misfit:
            raise ProtocolError(
                f"The arguments of {self.name} do not fit: {misfit}. They were: {short(call.arguments, 200)}",
                hint="Nothing was run. Tell the model: tool(str(error), tool_call_id=call.id).",
            ) from misfit
        return CheckedCall(self, call.id, arguments)

    def __repr__(self) -> str:
        return f"Tool({self.name}: {short(self.description)})"


@dataclass(frozen=True)
class CheckedCall:
    """A call that fits its function. `str(…)` shows all that would be run; only `run` runs it.

    >>> checked = check_call(reply.tool_calls[0], tools=[read_file])
    >>> print(checked)
    read_file(path='notes.txt')
    >>> message = checked.run()
    """

    tool: Tool
    id: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def run(self) -> Message:
        """Call the function, and return its result as the message that goes back to the model.

        A text goes back as it is, anything else as JSON. What the function raises is raised.
        """
        if inspect.iscoroutinefunction(self.tool.function):
            raise ConfigurationError(f"{self.tool.name} is an async function.", hint="Use: await checked.arun()")
        return self._message(self._function()(**self.arguments))

    async def arun(self) -> Message:
        """Do the same with an async function; another one is called as it is."""
        result = self._function()(**self.arguments)
        return self._message(await result if inspect.isawaitable(result) else result)

    def __str__(self) -> str:
        return f"{self.tool.name}({', '.join(f'{name}={value!r}' for name, value in self.arguments.items())})"

    def _function(self) -> Callable[..., Any]:
        if isinstance(self.tool.function, type):
            raise ConfigurationError(
                f"{self.tool.name} is a class: there is nothing to run.", hint="Its values are in checked.arguments."
            )
        return self.tool.function

    def _message(self, result: object) -> Message:
        return result_message(_as_text(result), tool_call_id=self.id, name=self.tool.name)


Usable = Callable[..., Any] | Tool | Mapping[str, Any]
"""What may stand in `tools=`: a function with type hints, a `Tool`, a pydantic model, or an OpenAI-shaped dict."""
_WHAT_TOOLS_ARE = "tools=[…] holds functions with type hints, pydantic models, or OpenAI-shaped dicts."


def definitions(tools: object) -> list[Mapping[str, Any]] | None:
    """Return tools in OpenAI's shape; dicts stay as they are, whatever they hold.

    Raises ConfigurationError for what is no tool, and for a function whose name another tool has.
    """
    if tools is None:
        return None
    if isinstance(tools, str | bytes | Mapping) or not isinstance(tools, Sequence):
        raise ConfigurationError(f"tools is {short(tools)}, and should be a list.", hint=_WHAT_TOOLS_ARE)
    told = [one if isinstance(one, Mapping) else _tool(one).definition for one in tools]
    names = [name for one in told if isinstance(name := _name_in(one), str)]
    ours = [str(_name_in(made)) for one, made in zip(tools, told, strict=True) if not isinstance(one, Mapping)]
    if twice := next((name for name in ours if names.count(name) > 1), None):
        raise ConfigurationError(f"Two tools are called {twice}.", hint="Give one another name: Tool(f, name='…').")
    return told


def definition_of(one: Any) -> Any:
    """Return the definition of a function or a `Tool`; anything else stays what it is."""
    return _tool(one).definition if isinstance(one, Tool) or callable(one) else one


def check_call(call: ToolCall, *, tools: Sequence[Callable[..., Any] | Tool]) -> CheckedCall:
    """Return a call, checked against the function that it names; nothing is run.

    Raises ProtocolError if there is no such function, or the arguments do not fit it.
    """
    known = {one.name: one for one in map(_tool, tools)}
    if call.name not in known:
        raise ProtocolError(
            f"The model called {short(call.name)}, and there is no such tool.",
            hint=f"Nothing was run. Known are: {', '.join(known) or 'none'}.",
        )
    return known[call.name].check(call)


def _tool(one: Any) -> Tool:
    return one if isinstance(one, Tool) else Tool(one)


def _name_in(told: Mapping[str, Any]) -> object:
    function = told.get("function")
    return function.get("name") if isinstance(function, Mapping) else None


def _as_text(result: object) -> str:
    if isinstance(result, str):
        return result
    from pydantic_core import to_json

    return to_json(result, fallback=str).decode()
