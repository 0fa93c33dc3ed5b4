"""What a server of the soak says that is no reply, or a strange one: errors, pages, statuses, too much."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from random import Random
from typing import Any

from magistral_nb import (
    AuthenticationError,
    BadRequestError,
    InternalServerError,
    MagistralError,
    NotAnAPIError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    QuotaError,
    RateLimitError,
    ServerStreamError,
    TooLargeError,
)
from tests.bombs import gzip_bomb
from tests.fake_wire import Script
from tests.soak_bodies import FINISH, Body, Told, spelled_whole
from tests.soak_plan import GZIP, Plan, whole_script

PAGE = b"<!doctype html><title>Campus sign-in</title>Please sign in"
WORDS = {"error": {"message": "the server says no"}}
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


def _fails(random: Random, body: Body, event: bytes, error: type[MagistralError]) -> Plan:
    begun = body.up_to(random.randint(1, body.words))
    wire = begun.wire + event + b"\n\n" + body.wire[len(begun.wire) :] * random.randint(0, 1)
    return Plan((Script(wire, slice=random.choice((0, 1, 30))),), begun.told(), (error,))


def says_error(random: Random, body: Body) -> Plan:
    return _fails(random, body, random.choice(ERRORS), ServerStreamError)


def no_json(random: Random, body: Body) -> Plan:
    broken = random.choice((b"data: {not json}", b"data: undefined", b'data: {"choices": [{"delta"'))
    return _fails(random, body, broken, ProtocolError)


def no_utf8(random: Random, body: Body) -> Plan:
    told = body.told()
    chunk = b'data: {"choices": [{"index": 0, "delta": {"content": "<%b>"}}]}\n\n'.replace(b"<%b>", b"z\xff\xfez")
    begun = body.up_to(body.words)
    rest = body.wire[len(begun.wire) :]
    return Plan((Script(begun.wire + chunk + rest),), replace(told, answer=told.answer + "z��z"))


def page(random: Random, body: Body) -> Plan:
    return Plan((Script(PAGE, framing=random.choice(("chunked", "length"))),), Told(), (NotAnAPIError,))


def plain(random: Random, body: Body) -> Plan:
    return Plan((Script(spelled_whole(body), slice=random.choice((0, 1, 40))),), body.told())


def plain_error(random: Random, body: Body) -> Plan:
    return Plan((Script(json.dumps(WORDS).encode()),), Told(), (ServerStreamError,))


def loading(random: Random, body: Body) -> Plan:
    said = json.dumps({"error": {"message": "Loading model"}}).encode()
    loading = Script(said, random.choice((200, 503)), {"retry-after": "0.01"}, framing="length")
    return Plan((*[loading] * random.randint(1, 4), whole_script(random, body)), body.told())


def status(random: Random, body: Body) -> Plan:
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
        return Plan((script, whole_script(random, body)), body.told())
    return Plan((script,), Told(), (STATUSES[status],))


def asks_for_patience(random: Random, body: Body) -> Plan:
    said = json.dumps(WORDS).encode()
    if random.random() < 0.5:
        long = Script(said, 429, {"retry-after": "300"}, framing="length")
        return Plan((long, whole_script(random, body)), Told(), (RateLimitError,))
    return Plan((Script(said, 429, {"retry-after": "0.05"}, framing="length"), whole_script(random, body)), body.told())


def bomb(random: Random, body: Body) -> Plan:
    return Plan((Script(BOMB, headers=GZIP),), Told(), (TooLargeError,))


def no_word(random: Random, body: Body) -> Plan:
    """A reply that ends properly and says nothing is one; a stream in which no choice ever came is none."""
    return Plan((Script(b"data: " + FINISH + b"\n\ndata: [DONE]\n\n"),), Told(ended=True))
