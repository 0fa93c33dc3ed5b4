"""The cassettes of a notebook: `%magistral record` and `%magistral replay`, until `off` or another file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from IPython.core.error import UsageError
from IPython.core.magic_arguments import MagicArgumentParser

from magistral_nb.cassettes.player import OnMiss, Player
from magistral_nb.cassettes.recorder import Recorder
from magistral_nb.cassettes.running import start, stop
from magistral_nb.notebook.options import words_of

_OFF = "off"


def _parsers() -> Mapping[type[Player | Recorder], MagicArgumentParser]:
    record = MagicArgumentParser("%magistral record")
    record.add_argument("--anew", action="store_true", help="empty the file first")
    replay = MagicArgumentParser("%magistral replay")
    replay.add_argument("--speed", type=float, default=None, help="1 is the recorded pace; at once if left out")
    replay.add_argument("--on-miss", choices=get_args(OnMiss), default="error", help="for what was not recorded")
    for parser in (record, replay):
        parser.add_argument("file", help=f"a file of JSON lines, or {_OFF}")
    return {Recorder: record, Player: replay}


class Cassettes:
    """At most one that is recorded and one that is played."""

    def __init__(self) -> None:
        self._running: dict[type[Player | Recorder], Player | Recorder] = {}
        self._parsers = _parsers()

    def run(self, kind: type[Player | Recorder], line: str) -> str:
        """Do what a line asks for, and return what to tell. Raises ConfigurationError for a file that will not do."""
        parser = self._parsers[kind]
        words = words_of(line)
        if not words:
            raise UsageError(f"Say `{parser.prog} FILE.jsonl`, or `{parser.prog} {_OFF}`.")
        options = vars(parser.parse_args(words))
        file = options.pop("file")
        if file == _OFF:
            old = self._end(kind)
            return f"Off: {old.name}" if old else "It was off already."
        new = kind(file, **options)
        self._end(kind)
        self._running[kind] = new
        start(new)
        return _told(new)

    def close(self) -> None:
        """End them all."""
        for kind in list(self._running):
            self._end(kind)

    def _end(self, kind: type[Player | Recorder]) -> Player | Recorder | None:
        old = self._running.pop(kind, None)
        if old:
            stop(old)
        return old


def _told(cassette: Player | Recorder) -> str:
    text = str(cassette)
    if isinstance(cassette, Recorder) and cassette.held:
        text += f", behind the {cassette.held} there, which are played first; --anew begins with an empty file"
    return f"{text[:1].upper()}{text[1:]}"
