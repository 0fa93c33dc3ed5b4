"""Which of the views of a live reply a cell gets: what is settable, and what the front end can do."""

from __future__ import annotations

from typing import Any

from IPython.core.displaypub import CapturingDisplayPublisher

from magistral_nb.notebook.built import is_built
from magistral_nb.notebook.control import Control
from magistral_nb.notebook.memory import front_end_cell

VIEWS = ("auto", "widget", "html", "text")
"""Values of `%config Magistral.view`."""


def choose_view(wanted: str, shell: Any, control: Control) -> tuple[str, str]:
    """Return one of the `VIEWS` that is not "auto", and why.

    A page with cells says which of them it runs; nbclient and consoles do not, and they draw no widget either.
    """
    if not hasattr(shell, "kernel"):
        return "text", "this is a terminal"
    if wanted in ("html", "text"):
        return wanted, "%config Magistral.view"
    if not is_built():
        return "html", "the page's half is not built: make lab-dev"
    if wanted == "widget":
        return wanted, "%config Magistral.view"
    hindrance = _hindrance(shell, control)
    return ("html", hindrance) if hindrance else ("widget", "a page with cells asks")


def _hindrance(shell: Any, control: Control) -> str:
    if isinstance(getattr(shell, "display_pub", None), CapturingDisplayPublisher):
        return "the output is captured"
    if _is_vscode(shell):
        return "VS Code; try %config Magistral.view = 'widget'"
    if control.is_deaf:
        return "the page did not say that it draws"
    return "" if front_end_cell(shell) is not None else "no page with cells asks"


def _is_vscode(shell: Any) -> bool:
    """Tell whether VS Code runs the cell: it names its file in the kernel, and cells by addresses of its own."""
    return "__vsc_ipynb_file__" in getattr(shell, "user_ns", {}) or (front_end_cell(shell) or "").startswith("vscode")
