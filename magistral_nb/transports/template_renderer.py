"""Renders a stranger's chat template: run as a program of its own, so that it can be cut off.

It reads one JSON object from its input: `template`, and `conversations`, lists of messages. It writes a JSON list of
`{"text": …}` or `{"error": …}`. It imports nothing of this package, since it runs with an empty search path.
"""

from __future__ import annotations

import json
import sys
from typing import Any

MOST_MEMORY = 1024 * 1024**2
"""In bytes; where the system keeps to it (Linux does)."""
MOST_SECONDS = 10
LONGEST_TEXT = 200_000
"""What a template may make of a probe, in characters; a probe has a few hundred."""


def main() -> None:
    """Render what stands in the input."""
    _set_limits()
    asked = json.load(sys.stdin)
    try:
        template = _environment().from_string(asked["template"])
    except Exception as error:
        results = [{"error": _words(error)}] * len(asked["conversations"])
    else:
        results = [_render(template, messages) for messages in asked["conversations"]]
    json.dump(results, sys.stdout)


def _set_limits() -> None:
    try:
        import resource
    except ImportError:  # Windows: only the caller's own limit of time
        return
    for limit, most in ((resource.RLIMIT_AS, MOST_MEMORY), (resource.RLIMIT_CPU, MOST_SECONDS)):
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


def _render(template: Any, messages: list[Any]) -> dict[str, str]:
    given = {"messages": messages, "add_generation_prompt": True, "bos_token": "", "eos_token": "", "tools": None}
    text = ""
    try:
        for piece in template.generate(given):
            text += piece
            if len(text) > LONGEST_TEXT:
                return {"error": "it writes without end"}
    except MemoryError:
        return {"error": "it takes too much memory"}
    except Exception as error:
        return {"error": _words(error)}
    return {"text": text}


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
