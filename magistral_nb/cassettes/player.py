"""A cassette that is played: it answers instead of a model, and says where questions went when it was recorded."""

from __future__ import annotations

import math
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Literal, get_args

from magistral_nb.cassettes.asking import Asking
from magistral_nb.cassettes.canonical import question_of, shown_model
from magistral_nb.cassettes.format import Recording
from magistral_nb.cassettes.nearest import differences, nearest_to, short
from magistral_nb.cassettes.places import PLAIN_SERVER, defaults_of, row_of
from magistral_nb.cassettes.playing import Announced, Playing
from magistral_nb.cassettes.reading import cassette_path, read_cassette
from magistral_nb.choosing import Choice
from magistral_nb.endpoints import Endpoint
from magistral_nb.errors import CassetteMissError, ConfigurationError
from magistral_nb.settings import Sourced
from magistral_nb.settings_files import load_settings
from magistral_nb.transports import Streams

OnMiss = Literal["error", "nearest", "live"]
"""What happens to a question that was not recorded."""
MOST_DIFFERENCES: Final = 5


class Player:
    """Plays a cassette. The k-th time that a question is asked it gives the k-th recording; the last one repeats.

    speed : 1 plays at the recorded pace, 2 twice as fast, None or 0 at once.
    """

    def __init__(self, path: str | os.PathLike[str], *, speed: float | None = None, on_miss: OnMiss = "error") -> None:
        if on_miss not in get_args(OnMiss):
            raise ConfigurationError(f"on_miss is {on_miss!r}.", hint=f"It must be one of {get_args(OnMiss)}.")
        self.path = self.name = cassette_path(path)
        self.on_miss = on_miss
        self.recordings: Sequence[Recording] = read_cassette(self.path)
        self._speed = _checked(speed)
        self._source = f"the cassette {self.path.name}"
        self._lock = threading.Lock()
        self._asked: dict[str, int] = defaultdict(int)
        self._by_key: dict[str, list[Recording]] = defaultdict(list)
        for recording in self.recordings:
            self._by_key[recording.key].append(recording)

    def __str__(self) -> str:
        count = len(self.recordings)
        days = sorted({recording.date for recording in self.recordings})
        when = f", recorded {' to '.join(dict.fromkeys((days[0], days[-1])))}" if days else ""
        models = f" of {short(', '.join(self.models))}" if count else ""
        return f"plays {self.name}: {count} {'reply' if count == 1 else 'replies'}{models}{when}"

    @property
    def models(self) -> list[str]:
        """The models that answered."""
        return list(dict.fromkeys(recording.model for recording in self.recordings))

    def open(self, asking: Asking, outside: Callable[[], Streams]) -> Streams:
        """Return the recording of a question. Raises CassetteMissError if there is none, unless `on_miss` says else."""
        if found := self._next(asking.key):
            return self._play(found, asking)
        nearest = nearest_to(asking.request, self.recordings)
        if self.on_miss == "nearest" and nearest and (found := self._next(nearest.key)):
            text = f'Not recorded: this is the reply to the nearest question, "{short(found.question)}".'
            return Announced("cassette_nearest", text, self._play(found, asking))
        if self.on_miss != "live":
            raise self._miss(asking, nearest)
        try:
            text = f"This question is not in {self._source}, so it was asked live."
            return Announced("cassette_live", text, outside())
        except ConfigurationError as error:
            raise self._miss(asking, nearest, f"It could not be asked live either: {error.message}") from error

    def choose(
        self,
        live: Callable[[], Choice],
        endpoint: str | Endpoint | None,
        base_url: str | None,
        asked: str | None,
    ) -> Choice:
        """Return where a question goes, as it did when it was recorded; the environment and the files say nothing."""
        if self.on_miss == "live":
            try:
                return live()
            except ConfigurationError:  # nothing is set up here: what was recorded can still be played
                pass
        recording = self._recorded_at(asked)
        if recording is None:
            return live()
        defaults = defaults_of(recording.place, self._source) | _of_this_machine()
        if isinstance(endpoint, Endpoint) or base_url is not None:
            choice = live()
            row = replace(choice.endpoint, model=choice.endpoint.model or row_of(recording.place).model)
            return replace(choice, endpoint=row, env_model=None, defaults=defaults)
        row = row_of(recording.place)
        return Choice(
            replace(row, model=row.model or recording.model), self._source, defaults=defaults, is_recorded=True
        )

    def look(self, live: Callable[[], Endpoint], row: Endpoint, model: str | None) -> Endpoint:
        """Return an endpoint with what was known of this model when it was recorded; no file is looked at.

        Where the model may be asked live, a stranger's file has no say in what it is asked.
        """
        if self.on_miss == "live":
            try:
                return live()
            except ConfigurationError:  # there is no such file here, and what was recorded can still be played
                pass
        name = shown_model(model or "")
        for recording in self.recordings:
            place = recording.place
            is_same = place.get("name") == row.name or (place.get("name") == PLAIN_SERVER and "://" in row.name)
            if is_same and recording.model == name:
                return replace(row_of(place, known=row), name=row.name, model=row.model)
        return row

    def _recorded_at(self, asked: str | None) -> Recording | None:
        """Return a recording from the place that was named in the same way; from any, where the code leaves it open."""
        named = [one for one in self.recordings if one.place.get("asked") == asked]
        named += [one for one in self.recordings if asked is not None and one.place.get("name") == asked]
        is_open = asked in (None, "auto")
        return next(iter([*named, *self.recordings] if is_open else named), None)

    def _next(self, key: str) -> Recording | None:
        """Return the recording whose turn it is. One that broke off is played only if there is no whole one."""
        takes = self._by_key.get(key, ())
        takes = [take for take in takes if take.complete] or takes
        if not takes:
            return None
        with self._lock:
            number = self._asked[key]
            self._asked[key] += 1
        return takes[min(number, len(takes) - 1)]

    def _play(self, recording: Recording, asking: Asking) -> Streams:
        asking.recording = recording
        return Playing(recording, self._speed, asking.tell_time, self._source)

    def _miss(self, asking: Asking, nearest: Recording | None, more: str = "") -> CassetteMissError:
        question = short(str(nearest.question)) if nearest else ""
        message = (
            f'{self._source[:1].upper()}{self._source[1:]} holds no reply to "{short(question_of(asking.request))}".'
        )
        if nearest is None:
            told = "It is empty."
        else:
            found = differences(asking.request, nearest.request)
            shown = "; ".join(found[:MOST_DIFFERENCES]) + ("; …" if len(found) > MOST_DIFFERENCES else "")
            told = f'The nearest is "{question}" ({short(nearest.model)}, {nearest.date}): {shown}.'
        advice = f'Nothing was asked. Record it with record("{self.path.name}"), or see on_miss.'
        return CassetteMissError(
            message,
            nearest=nearest.question if nearest else None,
            hint=" ".join(filter(None, (told, more, advice))),
        )


def _checked(speed: float | None) -> float | None:
    """Return how much faster to play than it was recorded, or None for at once."""
    if speed is None or speed == 0 or speed == math.inf:
        return None
    if isinstance(speed, bool) or not isinstance(speed, int | float) or not speed > 0:
        raise ConfigurationError(
            f"speed is {speed!r}.", hint="1 is the recorded pace, 2 twice as fast, None or 0 is at once."
        )
    return float(speed)


def _of_this_machine() -> dict[str, Sourced]:
    """Return what the files here say of writing to the disk: that is for whoever plays a cassette to decide."""
    try:
        told = load_settings().defaults
    except ConfigurationError:  # a file that is not right stops no lesson
        return {}
    return {name: told[name] for name in ("journal", "meter") if name in told}
