"""`--jinja`: a prompt with `{{ name }}` filled in from the notebook, by a process of its own that can be cut off.

A sandbox alone stops no endless loop and no huge text, and what runs in the kernel can reach what the kernel holds. So
the template gets copies of plain data, and limits of time, memory and length.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from magistral_nb.errors import TemplateError
from magistral_nb.notebook.plain_values import told
from magistral_nb.transports import template_renderer
from magistral_nb.transports.template_renderer import Limits

LIMITS = Limits(memory=512 * 1024**2, seconds=3, characters=1_000_000)
"""An ordinary prompt takes a tenth of a second and 30 MiB."""
PATIENCE = 6.0
"""How long filling in may take by the clock, in seconds: where the processor is busy, or no limit can be set."""
LONGEST_INPUT = 20_000_000
"""The template and the values that it names, in characters as JSON."""
_LEAVE_OUT = "or leave --jinja out to send the text as it is."


def render_cell(source: str, names: Mapping[str, Any]) -> str:
    """Return the prompt with its expressions filled in.

    Only names that the template mentions are looked up, and only plain data is handed over (see `plain_values`).
    Raises TemplateError for an undefined name, a value that is no plain data, a mistake in the template, an expression
    that the sandbox refuses, or a template that takes too much time or memory.
    """
    values = {name: told(names[name]) for name in sorted(_mentioned(source)) if name in names}
    text = json.dumps({"template": source, "values": values, "limits": LIMITS, "path": _path_of_jinja()})
    if len(text) > LONGEST_INPUT:
        raise TemplateError(f"The template's values have {len(text):,} characters.", hint=_limits())
    result = _run(text)
    if "error" in result:
        place = f", line {result['line']}" if result.get("line") else ""
        advice = _limits() if result.get("limit") else "Define the name in a cell above,"
        told_error = str(result["error"]).rstrip(".")
        raise TemplateError(f"The template could not be filled in{place}: {told_error}.", hint=f"{advice} {_LEAVE_OUT}")
    return str(result["text"])


def _mentioned(source: str) -> set[str]:
    """Return the names in a template. Jinja's own search would work out `9**9**9` on the way."""
    from jinja2 import TemplateSyntaxError, nodes
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    try:
        parsed = ImmutableSandboxedEnvironment().parse(source)
        return {one.name for one in parsed.find_all(nodes.Name)}
    except TemplateSyntaxError as error:
        raise TemplateError(
            f"The template has a mistake in line {error.lineno}: {error.message}.", hint=f"Correct it, {_LEAVE_OUT}"
        ) from error
    except RecursionError:
        raise TemplateError("The template is nested too deeply.", hint=f"Make it simpler, {_LEAVE_OUT}") from None


def _run(text: str) -> dict[str, Any]:
    program = [sys.executable, "-I", str(Path(template_renderer.__file__))]
    try:
        done = subprocess.run(  # noqa: S603  our own interpreter and program
            program, input=text.encode(), capture_output=True, timeout=PATIENCE, check=False
        )
        result: dict[str, Any] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return {"error": "it takes too long", "limit": True}
    except ValueError:
        return {"error": "it takes too much time or memory", "limit": True}
    return result


def _limits() -> str:
    return (
        f"It may take {LIMITS.seconds} seconds and {LIMITS.memory // 1024**2:,} MiB of memory, and write "
        f"{LIMITS.characters:,} characters. Do long work in a cell of its own and name its result,"
    )


def _path_of_jinja() -> list[str]:
    """Return where jinja2 is; a process that ignores the user's own folders would not find it in all of them."""
    import jinja2
    import markupsafe

    return [str(Path(str(module.__file__)).parents[1]) for module in (jinja2, markupsafe)]
