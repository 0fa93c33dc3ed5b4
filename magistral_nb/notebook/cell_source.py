"""The body of a `%%magistral` cell, byte for byte as it was typed: IPython strips prompts and adds a newline."""

from __future__ import annotations

from typing import Any


def exact_body(shell: Any, line: str, cell: str) -> str:
    """Return what the user typed below the magic's line.

    IPython hands over a body that it has tidied: `>>>` prompts are gone and a newline stands at the end. The kernel's
    own message, or the input history, still has the original. A magic called by a program gets what it passed, less
    one newline at the end.
    """
    call = f"get_ipython().run_cell_magic('magistral', {line!r}, {cell!r})\n"
    for typed in _typed(shell):
        if shell.input_transformer_manager.transform_cell(typed) == call:
            return typed.lstrip().partition("\n")[2]  # IPython drops blank lines, spaces in them too
    return cell.removesuffix("\n")


def _typed(shell: Any) -> list[str]:
    """Return what may be the running cell as typed, the most exact first."""
    typed = []
    get_parent = getattr(shell, "get_parent", None)
    if get_parent is not None:
        content = (get_parent() or {}).get("content") or {}
        typed.append(str(content.get("code") or ""))
    history = getattr(shell.history_manager, "input_hist_raw", None)
    if history:
        typed.append(str(history[-1]))
    return typed
