"""One stream of the soak: what is played, what must come of it, and the plan in which nothing goes wrong."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any, Literal, cast

from magistral_nb import MagistralError, Timeouts
from tests.fake_wire import Script
from tests.soak_bodies import Body, Told

Pieces = list[bytes | float]
Stop = Literal["", "leave", "close", "forget", "error", "cancel", "interrupt"]
PATIENT = Timeouts(connect=20, first_event=20, between_events=20)
GZIP = {"content-encoding": "gzip"}


@dataclass(frozen=True)
class Plan:
    """One stream: what the server plays at each try (the last repeats), and what the reader must get.

    errors : one of them must be raised; empty if none may be. exact : no more and no less than `told` may come, or
    else any beginning of it. stop : how the reader stops, after so many words as `stop_after` says.
    """

    scripts: tuple[Script, ...]
    told: Told
    errors: tuple[type[MagistralError], ...] = ()
    exact: bool = True
    timeouts: Timeouts = PATIENT
    stop: Stop = ""
    stop_after: int = 0
    kind: str = ""
    number: int = 0


def good(random: Random, body: Body) -> Plan:
    return Plan((whole_script(random, body),), body.told())


def whole_script(random: Random, body: Body) -> Script:
    framing = random.choice(("chunked", "chunked", "length", "close"))
    return Script(body.wire, slice=random.choice((0, 0, 1, 3, 7, 50, 900)), framing=cast(Any, framing))
