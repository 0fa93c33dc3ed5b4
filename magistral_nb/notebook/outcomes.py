"""How a magic ends: with a reply that is shown once, or with an error that takes one line."""

from __future__ import annotations

from typing import Any, TypeVar

from magistral_nb.errors import MagistralError
from magistral_nb.rendering.text import plain
from magistral_nb.replies import Reply
from magistral_nb.scrubbing import scrub

Shown = TypeVar("Shown")


class Stopped(KeyboardInterrupt):
    """The reader stopped the reply. The cell ends as an error, so that `Run All` stops too."""

    def __init__(self) -> None:
        super().__init__("stopped by you; what had arrived is kept")


def show_in_one_line(error: BaseException) -> BaseException:
    """Make IPython show an error of ours in one line; any other keeps its traceback, since it is a bug."""
    if isinstance(error, MagistralError | Stopped):
        words = scrub(" ".join(plain(str(error)).split()))
        name = type(error).__name__
        error._render_traceback_ = lambda: [f"{name}: {words}"]  # type: ignore[union-attr]  # IPython's protocol
    return error


def keep_without_picture(reply: Shown, shell: Any) -> Shown:
    """Let a reply, or a prompt, of a whole cell become `_` and `Out[n]`, with no second picture and no `Out[n]:`.

    The display hook asks `quiet` before it shows the value of a cell. It is answered once, and only in this cell.
    """
    hook = shell.displayhook
    running = getattr(hook, "exec_result", None)

    def quiet() -> bool:
        del hook.quiet
        if hook.exec_result is not running:
            return bool(hook.quiet())
        hook.update_user_ns(reply)
        hook.fill_exec_result(reply)
        return True

    if running is not None:  # else a program called the magic, and shows what it likes
        hook.quiet = quiet
    return reply


def mark_as_shown(reply: Reply, shell: Any) -> Reply:
    """Let the reply of one line among others become `_` and `Out[n]` without a second picture.

    IPython asks an object for `_ipython_display_` before it draws it. Ours draws nothing, once, in the cell that has
    shown the reply already; whether the line's value is shown at all is not known here.
    """
    reply.__dict__["_ipython_display_"] = _DrawnAlready(reply, shell, shell.execution_count)
    return reply


class _DrawnAlready:
    def __init__(self, reply: Reply, shell: Any, execution_count: int) -> None:
        self._reply, self._shell, self._execution_count = reply, shell, execution_count

    def __call__(self) -> None:
        from IPython.display import display

        self._reply.__dict__.pop("_ipython_display_", None)
        if self._shell.execution_count != self._execution_count:
            display(self._reply)

    def __reduce__(self) -> tuple[object, ...]:
        return (_drawn_nowhere, ())


def _drawn_nowhere() -> None:
    """A reply that is copied or pickled is drawn like any other."""
