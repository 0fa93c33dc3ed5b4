"""What the line, or the reader, does to a stream of the soak: cut, silent, slow, packed, left."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import replace
from random import Random
from typing import Any, cast

from magistral_nb import APIConnectionError, APITimeoutError, ConnectionLostError, StreamStalledError
from tests.fake_wire import Script
from tests.soak_bodies import Body, Told
from tests.soak_plan import GZIP, PATIENT, Pieces, Plan, Stop, whole_script

PINGS: Pieces = [b": ping\n\n", 0.05] * 100
DELIVERED = 0.25
"""Before a reset, in seconds: it throws away what the network has not delivered yet, and that was never sent."""
SOON_SILENT = replace(PATIENT, between_events=0.5)
SOON_TIRED = replace(PATIENT, first_event=0.3)


def zipped(random: Random, body: Body) -> Plan:
    return Plan((Script(gzip.compress(body.wire), headers=GZIP, slice=random.choice((0, 1, 9))),), body.told())


def ends_anyhow(random: Random, body: Body) -> Plan:
    """The reply is whole; what the connection does then breaks nothing."""
    goes_on: Pieces = [body.wire, *PINGS[:20]]
    ways = (
        Script(body.wire, framing="length", end="cut"), Script(body.wire, end="hold"), Script(goes_on, end="reset"),
        Script([body.wire, DELIVERED], end="reset"), Script(body.wire, end="cut"), Script(body.wire, head_pause=0.001),
    )  # fmt: skip
    return Plan((random.choice(ways),), body.told())


def slow(random: Random, body: Body) -> Plan:
    return Plan((Script(body.wire, slice=random.randint(40, 150), pause=0.002),), body.told())


def _broken_off(random: Random, told: Told, script: Script, whole: Body) -> Plan:
    """After a word, what came is kept; before the first one, the next try may bring the whole reply."""
    if told.ended:
        return Plan((script,), told)
    if told.begun:
        return Plan((script,), told, (ConnectionLostError,))
    if random.random() < 0.5:
        return Plan((script, whole_script(random, whole)), whole.told())
    return Plan((script,), Told(), (ConnectionLostError, APIConnectionError))


def _before(end: str) -> Pieces:
    return [DELIVERED] if end == "reset" else []


def cut(random: Random, body: Body) -> Plan:
    size = random.choice((random.randint(0, len(body.wire)), random.randint(0, body.first_word())))
    ending = random.choice(("cut", "reset", "clean", "close", "short"))
    how: dict[str, Any] = {"end": ending}
    if ending == "close":
        how = {"framing": "close"}
    elif ending == "short":  # it had promised more
        how = {"framing": "length", "headers": {"content-length": str(size + 99)}, "end": "cut"}
    script = Script([body.wire[:size], *_before(ending)], slice=random.choice((0, 1, 9, 60)), **how)
    return _broken_off(random, body.told(size, at_end=True), script, body)


def reset_at_once(random: Random, body: Body) -> Plan:
    """What the network had delivered is kept; how much that was, nobody knows."""
    script = Script(body.up_to(body.words).wire, slice=random.choice((0, 9, 60)), end="reset")
    return Plan((script, script), body.told(), (ConnectionLostError, APIConnectionError), exact=False)


def cut_zip(random: Random, body: Body) -> Plan:
    packed = gzip.compress(body.wire)
    packed = packed[: random.randint(1, len(packed) - 1)]
    size = len(zlib.decompressobj(31).decompress(packed))
    end = random.choice(("cut", "reset", "clean"))
    pieces: Pieces = [packed, *_before(end)]
    script = Script(pieces, headers=GZIP, slice=random.choice((0, 1, 9)), end=cast(Any, end))
    return _broken_off(random, body.told(size, at_end=True), script, body)


def silent(random: Random, body: Body) -> Plan:
    begun = body.up_to(random.randint(1, body.words))
    drips: tuple[Pieces, ...] = (PINGS, [b"x", 0.05] * 100, [])
    pieces: Pieces = [begun.wire, *random.choice(drips)]
    return Plan((Script(pieces, end="hold"),), begun.told(), (StreamStalledError,), timeouts=SOON_SILENT)


def no_event(random: Random, body: Body) -> Plan:
    ways = (
        Script(head_bytes=0, end="hold"), Script(head_bytes=20, end="hold"), Script(body.wire, head_pause=0.05),
        Script(PINGS, end="hold"),
    )  # fmt: skip
    return Plan((random.choice(ways),), Told(), (APITimeoutError,), timeouts=SOON_TIRED)


def out_of_time(random: Random, body: Body) -> Plan:
    script = Script(body.up_to(body.words).wire, slice=80, pause=0.02, end="hold")
    return Plan((script,), body.told(), (APITimeoutError,), exact=False, timeouts=replace(PATIENT, total=0.5))


def ends_at_once(random: Random, body: Body) -> Plan:
    ways = (Script(head_bytes=0, end="cut"), Script(head_bytes=0, end="reset"), Script(head_bytes=30, end="cut"))
    return _broken_off(random, Told(), random.choice(ways), body)


def stopped(random: Random, body: Body) -> Plan:
    wire = body.up_to(body.words).wire
    script = Script(wire, slice=random.choice((0, 40, 90)), pause=random.choice((0, 0.001)), end="hold")
    stop = random.choice(("leave", "close", "forget", "error", "cancel"))
    return Plan(
        (script,),
        body.told(),
        exact=False,
        stop=cast(Stop, stop),
        stop_after=random.randint(1, max(1, body.words // 2)),
    )
