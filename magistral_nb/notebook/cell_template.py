"""`--jinja`: a prompt with `{{ name }}` filled in from the notebook, in a sandbox."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Any

from magistral_nb.errors import TemplateError


def render_cell(source: str, names: Mapping[str, Any]) -> str:
    """Return the prompt with its expressions filled in.

    Only names that the template mentions are looked up. Raises TemplateError, with the line, for an undefined name,
    a mistake in the template, or an expression that the sandbox refuses.
    """
    from jinja2 import StrictUndefined, TemplateSyntaxError, meta
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
    try:
        mentioned = meta.find_undeclared_variables(environment.parse(source))
        template = environment.from_string(source)
        return template.render({name: names[name] for name in mentioned if name in names})
    except TemplateSyntaxError as error:
        raise TemplateError(f"The template has a mistake in line {error.lineno}: {error.message}.") from error
    except Exception as error:
        raise TemplateError(
            f"The template could not be filled in, line {_line_of(error)}: {error}.",
            hint="Define the name in a cell above, or leave --jinja out to send the text as it is.",
        ) from error


def _line_of(error: Exception) -> int:
    """Return the template's line in which an error arose; jinja2 rewrites tracebacks to name it."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<template>"]
    return lines[-1] or 1 if lines else 1
