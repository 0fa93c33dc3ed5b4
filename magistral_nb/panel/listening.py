"""The kernel around a panel: pages can speak to it while a cell runs, and what goes wrong in callbacks is shown."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from magistral_nb.notebook.control import TARGET, Control
from magistral_nb.panel.boxes import keep_panels_in_boxes
from magistral_nb.panel.transcript import Transcript


def listen(transcript_of: Callable[[object], Transcript | None]) -> None:
    """Let pages speak to panels, if the magics have not done so already, and the notebook keep those in boxes."""
    shell = _shell()
    if shell is not None:
        keep_panels_in_boxes(shell, transcript_of)
    comms = getattr(getattr(shell, "kernel", None), "comm_manager", None)
    if comms is not None and TARGET not in comms.targets:
        Control(shell).listen()


def report(log: logging.Logger) -> None:
    """Show the error that is being handled, as a cell's is shown; nobody waits for it here."""
    shell = _shell()
    if shell is None:
        log.warning("An observer of a chat panel failed.", exc_info=True)
    else:
        shell.showtraceback()


def _shell() -> Any:
    from IPython.core.getipython import get_ipython

    return get_ipython()
