"""What a page asks of a panel: one row for each kind of message. Its protocol is in `js/README.md`.

A message comes twice, on two comms: one of them is heard while a cell runs. Each is taken once.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from magistral_nb.errors import ConfigurationError, MagistralError
from magistral_nb.panel.desk import Desk
from magistral_nb.panel.exports import export
from magistral_nb.panel.wire import Data, error_wire
from magistral_nb.scrubbing import scrub_data

Message = Mapping[str, Any]
REMEMBERED = 500
"""So many messages are known by their mark, which each has for itself."""
LONGEST_MARK = 64


class Face(Protocol):
    """What the page's messages need of the panel itself."""

    disabled: bool
    desk: Desk

    def tell(self, message: Data) -> None:
        """Send a message to the pages."""

    def state(self) -> Data:
        """Return how the panel stands."""

    def kept(self) -> Data:
        """Return what a notebook keeps of the panel."""

    def is_drawn(self, *, follows: bool) -> None:
        """Take note that a page draws the panel."""

    def show_models(self, models: list[str] | None, error: str) -> None:
        """Show which models there are."""

    def settings_changed(self) -> None:
        """Show the settings in force."""


class Ops:
    """Hears messages, from any thread, and answers each that has a mark."""

    def __init__(self, face: Face) -> None:
        self._face = face
        self._lock = threading.Lock()
        self._marks: deque[str] = deque(maxlen=REMEMBERED)

    def hear(self, message: object) -> Data | None:
        """Take in what a page says; what nobody understands is let pass.

        How the panel stands, and what a notebook keeps of it, is returned to a page that asks for it, where there is
        a way to answer at once.
        """
        if not isinstance(message, Mapping) or not self._is_new(message.get("op")):
            return None
        kind = str(message.get("type"))
        if kind in ("state", "kept"):
            return self._face.state() if kind == "state" else self._face.kept()
        if kind in _UNANSWERED:
            _UNANSWERED[kind](self._face, message)
        elif kind in _SLOW:
            threading.Thread(target=self._answer, args=(_SLOW[kind], message), daemon=True).start()
        elif kind in _QUICK:
            self._answer(_QUICK[kind], message)
        return None

    def _is_new(self, mark: object) -> bool:
        if mark is None:
            return True
        with self._lock:
            if str(mark)[:LONGEST_MARK] in self._marks:
                return False
            self._marks.append(str(mark)[:LONGEST_MARK])
            return True

    def _answer(self, work: Callable[[Face, Message], Any], message: Message) -> None:
        answer: Data = {"type": "result", "op": str(message.get("op"))[:LONGEST_MARK]}
        try:
            answer["data"] = work(self._face, message)
        except Exception as error:  # the reader sees it beside what he did, whatever it is
            answer["error"] = error_wire(error)
        self._face.tell(answer)


def _from(message: Message) -> int:
    start = message.get("from")
    return start if isinstance(start, int) and start > 0 else 0


def _whole(face: Face, message: Message) -> None:
    face.desk.tell_all(_from(message))


def _refuse_if_disabled(face: Face) -> None:
    if face.disabled:
        raise ConfigurationError("This panel takes no questions just now.", hint="Its author has disabled it.")


def _ask(face: Face, message: Message) -> None:
    _refuse_if_disabled(face)
    face.desk.ask(message.get("text", ""))


def _edit(face: Face, message: Message) -> None:
    _refuse_if_disabled(face)
    face.desk.edit(_turn(message), message.get("text", ""))


def _regenerate(face: Face, message: Message) -> None:
    _refuse_if_disabled(face)
    face.desk.regenerate(_turn(message))


def _go_on(face: Face, message: Message) -> None:
    _refuse_if_disabled(face)
    face.desk.go_on(_turn(message))


def _turn(message: Message) -> int:
    return _number(message, "turn")


def _number(message: Message, name: str) -> int:
    value = message.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigurationError(f"The message names no {name}.", hint="Load the page again.")
    return value


def _set(face: Face, message: Message) -> None:
    values = message.get("values", {message.get("name"): message.get("value")})
    if not isinstance(values, Mapping):
        raise ConfigurationError("The message names no settings.", hint="Load the page again.")
    if "endpoint" in values:
        face.desk.check_idle()
    face.desk.wishes.set({str(name): value for name, value in values.items()})
    if "endpoint" in values:
        face.show_models(None, "")  # those of the place before
    face.settings_changed()


def _models(face: Face, message: Message) -> Data:
    try:
        models = face.desk.conversation.client.models()
    except MagistralError as error:
        face.show_models(None, f"{error.message} {error.hint}".strip())
        raise
    face.show_models(models, "")
    found: Data = scrub_data({"models": models})
    return found


def _prompt(face: Face, message: Message) -> Data:
    desk = face.desk
    prompt = desk.conversation.preview(str(message.get("text") or ""), **desk.wishes.given)
    count = prompt.tokens
    parts = [[part["kind"], part["text"]] for part in prompt.to_dict()["parts"]]
    return {"parts": parts, "tokens": count.total, "exact": count.exact, "text": str(count)}


_UNANSWERED: Mapping[str, Callable[[Face, Message], None]] = {
    "hello": lambda face, message: face.is_drawn(follows=message.get("follow") is True),
    "whole": _whole,
    "stop": lambda face, message: face.desk.stop(),
}
_QUICK: Mapping[str, Callable[[Face, Message], Any]] = {
    "set": _set,
    "ask": _ask,
    "edit": _edit,
    "regenerate": _regenerate,
    "continue": _go_on,
    "branch": lambda face, message: face.desk.branch(_turn(message), _number(message, "at")),
    "delete": lambda face, message: {"turn": face.desk.delete(_turn(message))},
    "restore": lambda face, message: face.desk.restore(_turn(message)),
    "clear": lambda face, message: {"turn": face.desk.clear()},
}
_SLOW: Mapping[str, Callable[[Face, Message], Any]] = {
    "models": _models,
    "prompt": _prompt,
    "export": lambda face, message: export(face.desk.conversation, message.get("format")),
}
"""They read files, or ask a server; the thread that hears messages is not held up."""
