"""Functions as tools: what the model is told, what of its calls is let through, and that nothing runs by itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from magistral_nb import (
    ConfigurationError,
    ProtocolError,
    Tool,
    ToolCall,
    check_call,
)
from tests.fake_server import FakeServer
from tests.test_client import client_for, events_of, sent


class Place(BaseModel):
    """A place."""

    title: str
    height: Annotated[float, Field(description="In metres.", ge=0)] = 0


@dataclass
class Size:
    width: int


class Sun(TypedDict):
    rises: str


RAN: list[Any] = []


def forecast(
    city: str,
    unit: Literal["celsius", "kelvin"] = "celsius",
    days: int | None = None,
    stations: list[str] = [],  # noqa: B006  as a beginner writes it
    place: Place | None = None,
    size: Size | None = None,
    sun: Sun | None = None,
    wind: Annotated[bool, Field(description="Whether to tell the wind.")] = False,
) -> str:
    """Say how the weather will be.

    Only for cities.

    Args:
        city: The city's name,
            in English.
        unit: Of the temperature.

    Returns:
        A sentence.
    """
    RAN.append(city)
    return f"Sunny in {city}."


def numpy_style(city: str, days: int = 1) -> str:
    """Say how the weather will be.

    Parameters
    ----------
    city : str
        The city's name.
    days : how many.
    """
    return city


def rest_style(city: str) -> str:
    """Say how the weather will be.

    :param city: The city's name.
    """
    return city


def call(arguments: Any, name: str = "forecast") -> ToolCall:
    return ToolCall("call00001", name, arguments if isinstance(arguments, str) else json.dumps(arguments))


def test_hints_and_docstring_become_a_schema() -> None:
    told = Tool(forecast).definition["function"]
    assert told["name"] == "forecast"
    assert told["description"] == "Say how the weather will be.\n\nOnly for cities."
    schema = told["parameters"]
    assert schema["required"] == ["city"]
    assert schema["additionalProperties"] is False
    properties = schema["properties"]
    assert properties["city"] == {"type": "string", "description": "The city's name, in English."}
    assert properties["unit"]["enum"] == ["celsius", "kelvin"]
    assert properties["unit"]["default"] == "celsius"
    assert properties["days"]["anyOf"] == [{"type": "integer"}, {"type": "null"}]
    assert properties["stations"] == {"type": "array", "items": {"type": "string"}, "default": []}
    assert properties["wind"]["description"] == "Whether to tell the wind."
    place = schema["$defs"]["Place"]
    assert place["properties"]["title"] == {"type": "string"}  # a field of that name is no title
    assert place["properties"]["height"]["description"] == "In metres."
    assert {"Size", "Sun"} <= set(schema["$defs"])


@pytest.mark.parametrize("function", [forecast, numpy_style, rest_style], ids=["google", "numpy", "rest"])
def test_docstrings_of_every_style_are_read(function: Callable[..., Any]) -> None:
    told = Tool(function)
    assert told.description.startswith("Say how the weather will be.")
    assert "city" not in told.description
    assert told.parameters["properties"]["city"]["description"].startswith("The city's name")


def test_a_model_is_a_tool_whose_values_are_kept() -> None:
    told = Tool(Place)
    assert (told.name, told.description) == ("Place", "A place.")
    assert told.parameters["required"] == ["title"]
    checked = told.check(call({"title": "Rigi", "height": 1797.5}, "Place"))
    assert checked.arguments == {"title": "Rigi", "height": 1797.5}
    with pytest.raises(ConfigurationError, match="nothing to run"):
        checked.run()
    with pytest.raises(ProtocolError, match="there is no such argument"):
        told.check(call({"title": "Rigi", "depth": 1}, "Place"))


def all_of_them(*names: str) -> None: ...
def any_of_them(**names: str) -> None: ...
def by_place(name: str, /) -> None: ...
def unhinted(name) -> None: ...  # type: ignore[no-untyped-def]  # the mistake is the test
def unspeakable(name: FakeServer) -> None: ...
def unknown(name: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821, UP037  the mistake is the test


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (all_of_them, r"\*names"),
        (any_of_them, r"\*\*names"),
        (by_place, "name has no name of its own"),
        (unhinted, "its parameter name has no type hint"),
        (unspeakable, "unspeakable cannot be a tool"),
        (unknown, "'Nowhere'"),
        (lambda x: x, "lambda"),
        ("forecast", "A tool is a function"),
        (max, "max cannot be a tool"),
    ],
    ids=["args", "kwargs", "by place", "no hint", "no JSON", "unknown hint", "lambda", "text", "builtin"],
)
def test_what_cannot_be_a_tool_is_refused_before_anything_is_sent(server: FakeServer, wrong: Any, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        client_for(server).chat("hi", tools=[wrong])
    assert server.requests == []


def test_lists_of_tools_are_checked(server: FakeServer) -> None:
    client = client_for(server)
    with pytest.raises(ConfigurationError, match="should be a list"):
        client.chat("hi", tools=forecast)  # type: ignore[arg-type]  # the mistake is the test
    with pytest.raises(ConfigurationError, match="Two tools are called forecast"):
        client.chat("hi", tools=[forecast, Tool(numpy_style, name="forecast")])
    server.play(events_of({"content": "4"}))
    as_dict = {"type": "function", "function": {"name": "now", "parameters": {"type": "object"}}}
    client.chat("hi", tools=[forecast, as_dict, Place, Tool(rest_style, description="Else.")])
    told = sent(server)["tools"]
    assert [one["function"]["name"] for one in told] == ["forecast", "now", "Place", "rest_style"]
    assert told[1] == as_dict
    assert told[3]["function"]["description"] == "Else."


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "city"),
        ({"city": 3}, "city: .*not 3"),
        ({"city": "Rome", "days": "3"}, "days: .*not '3'"),
        ({"city": "Rome", "unit": "rankine"}, "unit: .*rankine"),
        ({"city": "Rome", "key": "sk-1"}, "'key': there is no such argument"),
        ({"city": "Rome", "place": {"title": "x", "height": -1}}, "place.height"),
        ({"city": "Rome", "size": {"width": 1.5}}, "size.width"),
        ('{"city": "Ro', "no JSON"),
        ('["Rome"]', "should be a JSON object"),
        ('"Rome"', "should be a JSON object"),
        ("[" * 50_000, "no JSON"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_and_shown(arguments: Any, says: str) -> None:
    RAN.clear()
    with pytest.raises(ProtocolError, match=says) as caught:
        check_call(call(arguments), tools=[forecast])
    assert "They were:" in caught.value.message
    assert "Nothing was run" in caught.value.hint
    assert len(str(caught.value)) < 900
    assert RAN == []


def test_a_call_of_something_else_is_refused() -> None:
    with pytest.raises(ProtocolError, match="no such tool") as caught:
        check_call(call({}, "rm"), tools=[forecast, numpy_style])
    assert "forecast, numpy_style" in caught.value.hint


def test_a_checked_call_shows_everything_and_runs_on_your_word_only() -> None:
    RAN.clear()
    checked = check_call(call({"city": "Rome\u202e", "place": {"title": "t" * 300}}), tools=[forecast])
    assert "city='Rome\\u202e'" in str(checked)
    assert "t" * 300 in str(checked)
    assert RAN == []
    message = checked.run()
    assert RAN == ["Rome\u202e"]
    assert (message.role, message.text, message.tool_call_id) == ("tool", "Sunny in Rome\u202e.", "call00001")


def test_h60_what_is_shown_is_what_would_run() -> None:
    RAN.clear()
    checked = check_call(call('{"city": "Rome", "city": "/etc/passwd\\u0000"}'), tools=[forecast])
    assert str(checked).startswith("forecast(city='/etc/passwd\\x00', ")
    for name in ("__class__", "forecast\u200b", "forecast.run", "Forecast", "", "forecast(city='Rome')"):
        with pytest.raises(ProtocolError, match="no such tool"):
            check_call(call({"city": "Rome"}, name), tools=[forecast])
    for arguments in ('{"city": "\x1b[2J\u202e', {"city": ["\x1b[2J\u202e"]}, {"\x1b[2J\u202e": 1}):
        with pytest.raises(ProtocolError) as caught:
            check_call(call(arguments), tools=[forecast])
        assert str(caught.value).isprintable(), "an error in a terminal shows what it cannot draw"
    assert RAN == []


def test_results_go_back_as_text() -> None:
    def size(width: int) -> Size:
        return Size(width)

    async def later(width: int) -> Place:
        await asyncio.sleep(0)
        return Place(title="x", height=width)

    assert Tool(size).check(call({"width": 3}, "size")).run().text == '{"width":3}'
    checked = Tool(later).check(call({"width": 3}, "later"))
    with pytest.raises(ConfigurationError, match="arun"):
        checked.run()
    assert asyncio.run(checked.arun()).text == '{"title":"x","height":3.0}'
    assert asyncio.run(Tool(size).check(call({"width": 3}, "size")).arun()).text == '{"width":3}'


def test_h60_a_path_is_confined_by_the_function(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", "utf-8")

    def read_file(path: str) -> str:
        """Read a file of the folder."""
        wanted = (tmp_path / path).resolve()
        if not wanted.is_relative_to(tmp_path.resolve()):
            raise PermissionError(f"{path} is outside the folder.")
        return wanted.read_text("utf-8")

    assert check_call(call({"path": "notes.txt"}, "read_file"), tools=[read_file]).run().text == "mine"
    for path in ("/etc/passwd", "../../../etc/passwd"):
        checked = check_call(call({"path": path}, "read_file"), tools=[read_file])
        assert path in str(checked)
        with pytest.raises(PermissionError):
            checked.run()
