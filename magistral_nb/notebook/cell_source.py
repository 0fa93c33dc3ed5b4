"""The body of a `%%magistral` cell, byte for byte as it was typed: IPython strips prompts and adds a newline."""

from __future__ import annotations

from typing import Any


def exact_body(shell: Any, line: str, cell: str) -> str:
    """Return what the user typed below the magic's line.

    IPython hands over a body that it has tidied: `>>>` prompts are gone and a newline stands at the end. The kernel's
    own message, or the input history, still has the original. A magic called by a program gets what it passed, less
    one newline at the end.
    """
    for raw in _typed(shell):
        first, _, body = raw.lstrip("\r\n").partition("\n")
        if first.split() == ["%%magistral", *line.split()]:
            return body
    return cell.removesuffix("\n")


def _typed(shell: Any) -> list[str]:
    """Return the possible originals of the running cell, the most exact first."""
    typed = []
    get_parent = getattr(shell, "get_parent", None)
    if get_parent is not None:
        content = (get_parent() or {}).get("content") or {}
        typed.append(str(content.get("code") or ""))
    history = getattr(shell.history_manager, "input_hist_raw", None)
    if history and len(history) == shell.execution_count + 1:
        typed.append(str(history[-1]))
    return typed
