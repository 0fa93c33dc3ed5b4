"""What happens to each stream of the soak: a kind of fault, drawn from the matrix, and what must come of it."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Literal, cast

from magistral_nb import (
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConnectionLostError,
    InternalServerError,
    MagistralError,
    NotAnAPIError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    QuotaError,
    RateLimitError,
    ServerStreamError,
    StreamStalledError,
    Timeouts,
    TooLargeError,
)
from tests.bombs import gzip_bomb
from tests.fake_wire import Script
from tests.soak_bodies import FINISH, Body, Told, draw_body, spelled_whole

Pieces = list[bytes | float]
Stop = Literal["", "leave", "close", "forget", "error", "cancel", "interrupt"]
PATIENT = Timeouts(connect=20, first_event=20, between_events=20)
SOON_SILENT = replace(PATIENT, between_events=0.5)
SOON_TIRED = replace(PATIENT, first_event=0.3)
PAGE = b"<!doctype html><title>Campus sign-in</title>Please sign in"
WORDS = {"error": {"message": "the server says no"}}
GZIP = {"content-encoding": "gzip"}
PINGS: Pieces = [b": ping\n\n", 0.05] * 100
DELIVERED = 0.25
"""Before a reset, in seconds: it throws away what the network has not delivered yet, and that was never sent."""
BOMB = gzip_bomb(b"", 10)
ERROR_BOMB = gzip.compress(b'{"error": {"message": "no' + b"o" * (4 * 1024 * 1024), 1)
STATUSES: dict[int, type[MagistralError]] = {
    301: NotAnAPIError, 307: NotAnAPIError, 400: BadRequestError, 401: AuthenticationError, 402: QuotaError,
    403: PermissionDeniedError, 404: NotFoundError, 408: InternalServerError, 409: InternalServerError,
    413: BadRequestError, 422: BadRequestError, 429: RateLimitError, 500: InternalServerError,
    502: InternalServerError, 503: InternalServerError, 529: InternalServerError,
}  # fmt: skip
ERRORS = (
    b'data: {"error": {"message": "CUDA died"}}', b'data: {"error": "CUDA died"}', b'data: {"error": "it "died""}',
    b'event: error\ndata: {"message": "CUDA died"}', b"event: error\ndata: CUDA died", b"event: error",
    b'data: {"object": "error", "message": "EngineCore died", "code": 500}',
    b'data: {"choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]}',
    b'data: {"choices": [{"index": 0, "delta": {}, "error": {"code": 502, "message": "died"}}]}',
)  # fmt: skip


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


def draw(random: Random, number: int, *, in_tasks: bool) -> Plan:
    """Draw a plan for the stream of this number; `in_tasks` says that it is read by a task of an event loop."""
    kinds = list(KINDS)
    kind = random.choices(kinds, [KINDS[kind][0] for kind in kinds])[0]
    plan = KINDS[kind][1](random, draw_body(random))
    if plan.stop == "cancel" and not in_tasks:
        plan = replace(plan, stop="leave")
    return replace(plan, kind=kind, number=number)


def interrupted(random: Random, number: int) -> Plan:
    """Return a plan for a stream that Ctrl-C ends, at any moment."""
    body = draw_body(random)
    script = Script([body.up_to(body.words).wire], slice=random.randint(20, 200), pause=0.001, end="hold")
    return Plan((script,), body.told(), exact=False, stop="interrupt", kind="interrupted", number=number)


def good(random: Random, body: Body) -> Plan:
    return Plan((_script(random, body),), body.told())


def _script(random: Random, body: Body) -> Script:
    framing = random.choice(("chunked", "chunked", "length", "close"))
    return Script(body.wire, slice=random.choice((0, 0, 1, 3, 7, 50, 900)), framing=cast(Any, framing))


def _zipped(random: Random, body: Body) -> Plan:
    return Plan((Script(gzip.compress(body.wire), headers=GZIP, slice=random.choice((0, 1, 9))),), body.told())


def _ends_anyhow(random: Random, body: Body) -> Plan:
    """The reply is whole; what the connection does then breaks nothing."""
    goes_on: Pieces = [body.wire, *PINGS[:20]]
    ways = (
        Script(body.wire, framing="length", end="cut"), Script(body.wire, end="hold"), Script(goes_on, end="reset"),
        Script([body.wire, DELIVERED], end="reset"), Script(body.wire, end="cut"), Script(body.wire, head_pause=0.001),
    )  # fmt: skip
    return Plan((random.choice(ways),), body.told())


def _slow(random: Random, body: Body) -> Plan:
    return Plan((Script(body.wire, slice=random.randint(40, 150), pause=0.002),), body.told())


def _broken_off(random: Random, told: Told, script: Script, whole: Body) -> Plan:
    """After a word, what came is kept; before the first one, the next try may bring the whole reply."""
    if told.ended:
        return Plan((script,), told)
    if told.begun:
        return Plan((script,), told, (ConnectionLostError,))
    if random.random() < 0.5:
        return Plan((script, _script(random, whole)), whole.told())
    return Plan((script,), Told(), (ConnectionLostError, APIConnectionError))


def _before(end: str) -> Pieces:
    return [DELIVERED] if end == "reset" else []


def _cut(random: Random, body: Body) -> Plan:
    size = random.choice((random.randint(0, len(body.wire)), random.randint(0, body.first_word())))
    ending = random.choice(("cut", "reset", "clean", "close", "short"))
    how: dict[str, Any] = {"end": ending}
    if ending == "close":
        how = {"framing": "close"}
    elif ending == "short":  # it had promised more
        how = {"framing": "length", "headers": {"content-length": str(size + 99)}, "end": "cut"}
    script = Script([body.wire[:size], *_before(ending)], slice=random.choice((0, 1, 9, 60)), **how)
    return _broken_off(random, body.told(size, at_end=True), script, body)


def _reset_at_once(random: Random, body: Body) -> Plan:
    """What the network had delivered is kept; how much that was, nobody knows."""
    script = Script(body.up_to(body.words).wire, slice=random.choice((0, 9, 60)), end="reset")
    return Plan((script, script), body.told(), (ConnectionLostError, APIConnectionError), exact=False)


def _cut_zip(random: Random, body: Body) -> Plan:
    packed = gzip.compress(body.wire)
    packed = packed[: random.randint(1, len(packed) - 1)]
    size = len(zlib.decompressobj(31).decompress(packed))
    end = random.choice(("cut", "reset", "clean"))
    pieces: Pieces = [packed, *_before(end)]
    script = Script(pieces, headers=GZIP, slice=random.choice((0, 1, 9)), end=cast(Any, end))
    return _broken_off(random, body.told(size, at_end=True), script, body)


def _silent(random: Random, body: Body) -> Plan:
    begun = body.up_to(random.randint(1, body.words))
    drips: tuple[Pieces, ...] = (PINGS, [b"x", 0.05] * 100, [])
    pieces: Pieces = [begun.wire, *random.choice(drips)]
    return Plan((Script(pieces, end="hold"),), begun.told(), (StreamStalledError,), timeouts=SOON_SILENT)


def _no_event(random: Random, body: Body) -> Plan:
    ways = (
        Script(head_bytes=0, end="hold"), Script(head_bytes=20, end="hold"), Script(body.wire, head_pause=0.05),
        Script(PINGS, end="hold"),
    )  # fmt: skip
    return Plan((random.choice(ways),), Told(), (APITimeoutError,), timeouts=SOON_TIRED)


def _out_of_time(random: Random, body: Body) -> Plan:
    script = Script(body.up_to(body.words).wire, slice=80, pause=0.02, end="hold")
    return Plan((script,), body.told(), (APITimeoutError,), exact=False, timeouts=replace(PATIENT, total=0.5))


def _fails(random: Random, body: Body, event: bytes, error: type[MagistralError]) -> Plan:
    begun = body.up_to(random.randint(1, body.words))
    wire = begun.wire + event + b"\n\n" + body.wire[len(begun.wire) :] * random.randint(0, 1)
    return Plan((Script(wire, slice=random.choice((0, 1, 30))),), begun.told(), (error,))


def _says_error(random: Random, body: Body) -> Plan:
    return _fails(random, body, random.choice(ERRORS), ServerStreamError)


def _no_json(random: Random, body: Body) -> Plan:
    broken = random.choice((b"data: {not json}", b"data: undefined", b'data: {"choices": [{"delta"'))
    return _fails(random, body, broken, ProtocolError)


def _no_utf8(random: Random, body: Body) -> Plan:
    told = body.told()
    chunk = b'data: {"choices": [{"index": 0, "delta": {"content": "<%b>"}}]}\n\n'.replace(b"<%b>", b"z\xff\xfez")
    begun = body.up_to(body.words)
    rest = body.wire[len(begun.wire) :]
    return Plan((Script(begun.wire + chunk + rest),), replace(told, answer=told.answer + "z��z"))


def _page(random: Random, body: Body) -> Plan:
    return Plan((Script(PAGE, framing=random.choice(("chunked", "length"))),), Told(), (NotAnAPIError,))


def _plain(random: Random, body: Body) -> Plan:
    return Plan((Script(spelled_whole(body), slice=random.choice((0, 1, 40))),), body.told())


def _plain_error(random: Random, body: Body) -> Plan:
    return Plan((Script(json.dumps(WORDS).encode()),), Told(), (ServerStreamError,))


def _loading(random: Random, body: Body) -> Plan:
    said = json.dumps({"error": {"message": "Loading model"}}).encode()
    loading = Script(said, random.choice((200, 503)), {"retry-after": "0.01"}, framing="length")
    return Plan((*[loading] * random.randint(1, 4), _script(random, body)), body.told())


def _status(random: Random, body: Body) -> Plan:
    status = random.choice(list(STATUSES))
    headers = {"content-type": "application/json", "location": "http://elsewhere.invalid/v1"}
    said = random.choice((json.dumps(WORDS).encode(), b"no", b"", PAGE, ERROR_BOMB))
    how: dict[str, Any] = {"framing": "length"}
    if said is ERROR_BOMB:
        headers |= GZIP
    elif random.random() < 0.2:  # the words of the error break off
        how = {"end": random.choice(("cut", "reset"))}
    script = Script(said, status, headers, **how)
    passes = STATUSES[status] in (InternalServerError, RateLimitError)
    if passes and random.random() < 0.5:
        return Plan((script, _script(random, body)), body.told())
    return Plan((script,), Told(), (STATUSES[status],))


def _asks_for_patience(random: Random, body: Body) -> Plan:
    said = json.dumps(WORDS).encode()
    if random.random() < 0.5:
        long = Script(said, 429, {"retry-after": "300"}, framing="length")
        return Plan((long, _script(random, body)), Told(), (RateLimitError,))
    return Plan((Script(said, 429, {"retry-after": "0.05"}, framing="length"), _script(random, body)), body.told())


def _bomb(random: Random, body: Body) -> Plan:
    return Plan((Script(BOMB, headers=GZIP),), Told(), (TooLargeError,))


def _ends_at_once(random: Random, body: Body) -> Plan:
    ways = (Script(head_bytes=0, end="cut"), Script(head_bytes=0, end="reset"), Script(head_bytes=30, end="cut"))
    return _broken_off(random, Told(), random.choice(ways), body)


def _no_word(random: Random, body: Body) -> Plan:
    """A reply that ends properly and says nothing is one; a stream in which no choice ever came is none."""
    return Plan((Script(b"data: " + FINISH + b"\n\ndata: [DONE]\n\n"),), Told(ended=True))


def _stopped(random: Random, body: Body) -> Plan:
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


KINDS: dict[str, tuple[int, Callable[[Random, Body], Plan]]] = {
    "good": (16, good),
    "good, gzip": (3, _zipped),
    "good, the connection ends anyhow": (5, _ends_anyhow),
    "good, slow bytes": (3, _slow),
    "cut at any byte": (16, _cut),
    "gzip cut at any byte": (4, _cut_zip),
    "reset at once": (3, _reset_at_once),
    "closed before the status": (3, _ends_at_once),
    "falls silent, keep-alive or not": (4, _silent),
    "no event in time": (3, _no_event),
    "total used up": (2, _out_of_time),
    "error in the stream": (7, _says_error),
    "event that is no JSON": (4, _no_json),
    "bytes that are no UTF-8": (3, _no_utf8),
    "web page, 200": (2, _page),
    "JSON, 200": (3, _plain),
    "JSON error, 200": (2, _plain_error),
    "says it is loading": (3, _loading),
    "status": (9, _status),
    "429 with Retry-After": (3, _asks_for_patience),
    "gzip bomb": (1, _bomb),
    "ends without a word": (1, _no_word),
    "reader stops": (12, _stopped),
}
"""How often each kind is drawn, of about a hundred, and what draws it."""
