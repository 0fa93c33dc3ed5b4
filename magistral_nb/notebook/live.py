"""How a reply looks while it moves, and how the moving picture becomes the final one."""

from __future__ import annotations

import sys
import time
from typing import Any, Protocol

from magistral_nb.notebook.patience import Patience
from magistral_nb.notebook.pictures import Bundle
from magistral_nb.notebook.worker import Asking
from magistral_nb.rendering.live import live_answer_html, live_thinking_html
from magistral_nb.rendering.reply import reply_text
from magistral_nb.rendering.text import plain
from magistral_nb.rendering.waiting import silence_html, waiting_html
from magistral_nb.replies import Reply
from magistral_nb.scrubbing import scrub_page
from magistral_nb.settings import Timeouts

REFRESH = 0.2
"""The time between two pictures, in seconds: five a second are smooth to read and far from any server's limits."""


class Live(Protocol):
    """A moving picture of one reply."""

    def look(self, asking: Asking) -> None:
        """Show what has come since the last look."""

    def finish(self, reply: Reply, picture: Bundle | None) -> None:
        """Show the final picture, or none, instead of the moving one."""


class QuietLive:
    """Shows nothing: `-q`."""

    def look(self, asking: Asking) -> None:
        """Show nothing."""

    def finish(self, reply: Reply, picture: Bundle | None) -> None:
        """Show nothing."""


class NotebookLive:
    """Thinking and answer in displays of their own, so that a fold the reader opened stays open.

    `owns_output` says that the cell is this reply's alone: all of its output then becomes the one final picture. A
    line magic shares its cell with others, and keeps to one display.
    """

    def __init__(self, *, owns_output: bool, show_thinking: bool, limits: Timeouts) -> None:
        self._owns_output = owns_output
        self._patience = Patience(limits)
        self._show_thinking = show_thinking
        self._handles: dict[str, Any] = {}
        self._shown: dict[str, str] = {}
        self._began = time.monotonic()
        self._next_look = 0.0

    def look(self, asking: Asking) -> None:
        """Refresh the displays, at most five times a second."""
        now = time.monotonic()
        if now < self._next_look:
            return
        views = self._views(asking, asking.reply, now - self._began)
        for name, html in views.items() if self._owns_output else [("all", "".join(views.values()))]:
            self._show(name, html)
        # A long answer takes longer to draw: drawing never takes more than a fifth of the time.
        self._next_look = now + max(REFRESH, 4 * (time.monotonic() - now))

    def finish(self, reply: Reply, picture: Bundle | None) -> None:
        """Replace the moving pictures by the final one."""
        from IPython.display import clear_output, display

        if not self._owns_output and self._handles:
            self._handles["all"].update(picture or {"text/plain": ""}, raw=True)
            return
        if self._handles:
            clear_output(wait=picture is not None)
        if picture is not None:
            display(picture, raw=True)

    def _views(self, asking: Asking, reply: Reply, seconds: float) -> dict[str, str]:
        thinking, answer = reply.thinking, reply.answer
        patience = self._patience.look(asking.waiting, len(thinking) + len(answer))
        views = {}
        if thinking and self._show_thinking:
            took = reply.thinking_seconds or 0.0
            views["thinking"] = live_thinking_html(thinking, took if answer else seconds, is_over=bool(answer))
        if answer:
            views["answer"] = live_answer_html(answer)
        if not views:
            waiting = asking.waiting
            why = waiting.why if waiting else "thinking" if thinking else "connecting"
            meanwhile: dict[str, Any] = {"text": waiting.text, "progress": waiting.progress} if waiting else {}
            views["thinking"] = waiting_html(
                why, seconds, model=reply.model, endpoint=reply.endpoint, patience=patience, **meanwhile
            )
        elif patience or "silence" in self._handles:
            views["silence"] = silence_html(patience) if patience else ""
        return views

    def _show(self, name: str, html: str) -> None:
        from IPython.display import display

        if self._shown.get(name) == html:
            return
        self._shown[name] = html
        html = scrub_page(html)
        bundle = {"text/html": html, "text/plain": ""}
        if name in self._handles:
            self._handles[name].update(bundle, raw=True)
        else:
            self._handles[name] = display(bundle, raw=True, display_id=True)


class TerminalLive:
    """Prints the words as they come; what is printed stays, so only the facts about the reply are added at the end."""

    def __init__(self, *, show_thinking: bool, limits: Timeouts) -> None:
        self._patience = Patience(limits)
        self._was_silent = False
        self._show_thinking = show_thinking
        self._printed = {"Thinking": "", "Answer": ""}
        self._told: list[str] = []

    def look(self, asking: Asking) -> None:
        """Print what has come."""
        waiting = asking.waiting
        if waiting and waiting.text and waiting.text not in self._told:
            self._told.append(waiting.text)
            sys.stdout.write(f"{plain(waiting.text)}\n")
            sys.stdout.flush()
        self._print_new(asking.reply)
        silence = self._patience.look(waiting, sum(map(len, self._printed.values())))
        if silence and not self._was_silent:  # said once for each silence: what is printed stays
            sys.stdout.write(f"\n[{silence}]\n")
            sys.stdout.flush()
        self._was_silent = bool(silence)

    def finish(self, reply: Reply, picture: Bundle | None) -> None:
        """Print the rest, and the facts about the reply."""
        if picture is None:
            return
        if not any(self._printed.values()):
            sys.stdout.write(f"{picture['text/plain']}\n")
            return
        self._print_new(reply)
        facts = reply_text(reply.to_dict() | {"thinking": "", "answer": ""}, show_thinking=False)
        sys.stdout.write(f"\n\n{facts}\n")

    def _print_new(self, reply: Reply) -> None:
        if self._show_thinking:
            self._print("Thinking", reply.thinking)
        self._print("Answer", reply.answer)

    def _print(self, name: str, text: str) -> None:
        printed = self._printed[name]
        if not text.startswith(printed):
            printed = ""  # what stood there was taken back: another answer came
        if len(text) > len(printed):
            before = "" if printed else f"\n{name}:\n"
            sys.stdout.write(before + plain(text[len(printed) :]))
            sys.stdout.flush()
            self._printed[name] = text
