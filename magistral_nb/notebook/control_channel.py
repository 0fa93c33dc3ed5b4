"""What a page asks a kernel while a cell runs, and is answered: on the control channel, which no cell can block.

A question is a `comm_info_request` with one more field. Each kernel understands such a request, whether or not it knows
the field; and JupyterLab does not take a kernel for idle when it has answered one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

REQUEST, FIELD = "comm_info_request", "magistral_nb"

Answer = Callable[[object], dict[str, Any] | None]


class ControlChannel:
    """Answers what pages ask, in the thread of the channel. Other requests go where they went before."""

    def __init__(self, shell: Any, answer: Answer) -> None:
        self._kernel: Any = getattr(shell, "kernel", None)
        self._answer = answer
        self._before: Any = None

    def open(self) -> None:
        """Answer from now on, if this is a kernel that can."""
        handlers = self._handlers()
        if self._before is None and REQUEST in handlers:
            self._before = handlers[REQUEST]
            handlers[REQUEST] = self._asked

    def close(self) -> None:
        """Answer no more."""
        handlers = self._handlers()
        if self._before is not None and handlers.get(REQUEST) == self._asked:
            handlers[REQUEST] = self._before
        self._before = None

    def _handlers(self) -> dict[str, Any]:
        handlers: dict[str, Any] = getattr(self._kernel, "control_handlers", {})
        return handlers

    def _asked(self, stream: Any, ident: Any, parent: dict[str, Any]) -> Any:
        question = parent["content"].get(FIELD)
        if question is None:
            return self._before(stream, ident, parent)
        content = {"status": "ok", "comms": {}, FIELD: self._answer(question)}
        return self._kernel.session.send(stream, "comm_info_reply", content, parent, ident)
