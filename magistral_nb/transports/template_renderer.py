"""Renders a template: run as a program of its own, so that it can be cut off.

It reads one JSON object from its input. With `template` and `conversations`, lists of messages, it renders a stranger's
chat template and writes a JSON list of `{"text": …}` or `{"error": …}`. With `template` and `values` it fills in a
user's own prompt within `limits`, and writes one such object, with `line` and `limit` beside an error. It imports
nothing of this package, since it runs with an empty search path.
"""

from __future__ import annotations

import json
import sys
import traceback
from typing import Any, NamedTuple


class Limits(NamedTuple):
    """What a template may take: bytes of memory where the system keeps to it (Linux does), processor time, text."""

    memory: int
    seconds: int
    characters: int


CHAT = Limits(memory=1024 * 1024**2, seconds=10, characters=200_000)
"""For all probes of a chat template; each has a few hundred characters."""


def main() -> None:
    """Render what stands in the input."""
    asked = json.loads(sys.stdin.buffer.read())
    if "values" in asked:
        _set_limits(Limits(*asked["limits"]))
        json.dump(_fill_in(asked), sys.stdout)
    else:
        _set_limits(CHAT)
        json.dump(_render_all(asked), sys.stdout)


def _fill_in(asked: dict[str, Any]) -> dict[str, Any]:
    sys.path += asked["path"]
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
    longest = Limits(*asked["limits"]).characters
    try:
        values = {name: _value(told, f"'{name}'", StrictUndefined) for name, told in asked["values"].items()}
        return _text(environment.from_string(asked["template"]), values, longest)
    except MemoryError:
        return {"error": "it takes too much memory", "limit": True}
    except Exception as error:
        return {"error": str(error)[:300] or type(error).__name__, "line": _line_of(error)}


class _Reply(dict[str, Any]):
    """A reply, which stands for its answer where it is written out."""

    def __str__(self) -> str:
        return str(self["answer"])


def _value(told: Any, name: str, undefined: Any) -> Any:
    """Return a value from the form in which `notebook/plain_values.py` tells it."""
    if not isinstance(told, dict):
        return told
    ((kind, parts),) = told.items()
    if kind == "refused":
        return undefined(hint=f"{name} is {parts}")
    inside = f"what stands in {name.removeprefix('what stands in ')}"
    if kind in ("dict", "reply"):
        return (dict if kind == "dict" else _Reply)(
            {_value(key, inside, undefined): _value(one, inside, undefined) for key, one in parts}
        )
    return {"list": list, "tuple": tuple, "set": set}[kind](_value(one, inside, undefined) for one in parts)


def _line_of(error: Exception) -> int:
    """Return the template's line in which an error arose; jinja2 rewrites tracebacks to name it."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<template>"]
    return (lines[-1] or 1) if lines else 1


def _render_all(asked: dict[str, Any]) -> list[dict[str, Any]]:
    try:
        template = _environment().from_string(asked["template"])
    except Exception as error:
        return [{"error": _words(error)}] * len(asked["conversations"])
    try:
        return [_render(template, messages) for messages in asked["conversations"]]
    except MemoryError:  # the others would take as much, and as long
        return [{"error": "it takes too much memory"}] * len(asked["conversations"])


def _set_limits(limits: Limits) -> None:
    try:
        import resource
    except ImportError:  # Windows: only the caller's own limit of time
        return
    for limit, most in ((resource.RLIMIT_AS, limits.memory), (resource.RLIMIT_CPU, limits.seconds)):
        try:
            resource.setrlimit(limit, (most, most))
        except (ValueError, OSError):  # macOS knows the limit of memory and refuses to set it
            continue


def _environment() -> Any:
    """Return what the templates of models are written for: Jinja as the package `transformers` sets it up."""
    from jinja2.ext import Extension
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """`{% generation %}` marks the model's own words for training; here it changes nothing."""

        tags = {"generation"}  # noqa: RUF012  jinja2's own form

        def parse(self, parser: Any) -> Any:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", Generation]
    )
    environment.filters["tojson"] = _to_json
    environment.globals.update(raise_exception=_raise, strftime_now=_date)
    return environment


def _render(template: Any, messages: list[Any]) -> dict[str, Any]:
    given = {"messages": messages, "add_generation_prompt": True, "bos_token": "", "eos_token": "", "tools": None}
    try:
        return _text(template, given, CHAT.characters)
    except MemoryError:
        raise
    except Exception as error:
        return {"error": _words(error)}


def _text(template: Any, given: dict[str, Any], longest: int) -> dict[str, Any]:
    pieces, length = [], 0
    for piece in template.generate(given):
        pieces.append(piece)
        length += len(piece)
        if length > longest:
            return {"error": "it writes without end", "limit": True}
    return {"text": "".join(pieces)}


def _to_json(value: object, indent: int | None = None, **_: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _raise(message: object) -> None:
    raise ValueError(message)


def _date(form: object) -> str:
    return "2025-09-01"  # any day will do


def _words(error: Exception) -> str:
    line = f" in line {line}" if (line := getattr(error, "lineno", None)) else ""
    return f"{type(error).__name__}{line}: {error}"[:300]


if __name__ == "__main__":
    main()
