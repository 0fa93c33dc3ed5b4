"""The fault matrix (`data/faults.json`), a row each, in both colours: what the user sees, and that nothing is lost.

Time-outs and pauses are scaled down. The parts that need a later step are named in `LATER`.
"""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme

from magistral_nb import (
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    Client,
    ConnectionLostError,
    ContextLengthError,
    Conversation,
    InternalServerError,
    MagistralError,
    NotAnAPIError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    QuotaError,
    RateLimitError,
    Reply,
    ServerStreamError,
    StreamStalledError,
    Timeouts,
    TooLargeError,
)
from magistral_nb.rendering.reply import reply_text
from magistral_nb.transports import retrying
from tests.asking import COLOURS
from tests.bombs import gzip_bomb
from tests.fake_server import MODELS, FakeServer
from tests.test_client import GOOD, KEY, events_of

MATRIX = {row["id"]: row for row in json.loads((Path(__file__).parent / "data" / "faults.json").read_text("utf-8"))}
LATER = {"F60": "batch", "F61": "batch"}
ELSEWHERE = {"F55", "F56", "F57", "F58", "F62"}
"""How readers stop: test_stopping; what a kernel leaves: browser/test_acceptance; files: test_conversation_files."""
MEGABYTE = 1024 * 1024
BEGUN = events_of({"reasoning": "Half a thought"}, {"content": "Half an answer"}, finish=None)
KEPT = ("Half a thought", "Half an answer")
TICK = events_of({"content": ""}, finish=None)
WHOLE = ("Two.", "4")
PAGE = b"<html><head><title>Campus sign-in</title></head><body>Please sign in</body></html>"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(retrying, "LOADING_PATIENCE", 0.5)


@dataclass(frozen=True)
class Row:
    """What one fault comes to.

    plays : sets the server up. words : what the error, or the reply as shown in a terminal, must say.
    kept : thinking and answer that are not lost. requests : how often the server was asked.
    """

    plays: Callable[[FakeServer], None]
    error: type[MagistralError] | None
    words: tuple[str, ...] = ()
    kept: tuple[str, str] = ("", "")
    requests: int = 1
    settings: dict[str, Any] = field(default_factory=dict)
    prompt: str = "hi"


def plays(body: Any = b"", **how: Any) -> Callable[[FakeServer], None]:
    return lambda server: server.play(body, **how)


def answers(status: int, data: object, then: bytes | None = None, **how: Any) -> Callable[[FakeServer], None]:
    """Answer with a status and JSON; `then` is what the next request gets, or the same again."""

    def play(server: FakeServer) -> None:
        server.play_json(data, status=status, **how)
        if then is not None:
            server.play(then)

    return play


def error(message: str, **more: object) -> dict[str, object]:
    return {"error": {"message": message, **more}}


def sse(*events: object) -> bytes:
    return b"".join(b"data: " + (e if isinstance(e, bytes) else json.dumps(e).encode()) + b"\n\n" for e in events)


def choosing(*, finish: str, content: str | None = "4", usage: dict[str, int] | None = None) -> bytes:
    last: dict[str, Any] = {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": finish}]}
    return sse({"choices": [{"index": 0, "delta": {"reasoning": "Two."}}]}, last | {"usage": usage}, b"[DONE]")


def zipped(body: bytes) -> Callable[[FakeServer], None]:
    return plays(gzip.compress(body), headers={"content-encoding": "gzip"})


def bomb(head: bytes) -> Callable[[FakeServer], None]:
    return plays(gzip_bomb(head, 400), headers={"content-encoding": "gzip"})


def fails_then_names_models(server: FakeServer) -> None:
    server.play_json({"data": [{"id": "magistral-small-2509"}, {"id": "other"}]}, path=MODELS)
    server.play_json(error("no such model"), status=404)


def refuses_stream_options(server: FakeServer) -> None:
    server.play_json(error("Unrecognized request argument supplied: stream_options"), status=400)
    server.play(GOOD)


def loads_for_a_while(server: FakeServer) -> None:
    for _ in range(5):
        server.play_json(error("Loading model"), status=503, headers={"retry-after": "0"})
    server.play(GOOD)


OVERFLOW = "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens."
SHORT = Timeouts(first_event=0.3)
SILENT = Timeouts(first_event=10, between_events=0.15)
DETAIL = {"detail": [{"loc": ["body", "temperature"], "msg": "Input should be less than or equal to 2"}]}

ROWS: dict[str, Row] = {
    "F05": Row(plays(head_bytes=0, end="hold"), APITimeoutError, ("sent no event within 0.3 s", "first_event"),
               requests=2, settings={"timeout": SHORT}),
    "F06": Row(plays(GOOD, head_pause=0.05), APITimeoutError, ("sent no event within 0.3 s",),
               settings={"timeout": SHORT}),
    "F07": Row(plays(BEGUN, end="hold"), StreamStalledError, ("fell silent", "no event came for 0.15 s"), KEPT,
               settings={"timeout": SILENT}),
    "F07 before a word": Row(plays(sse({"choices": [{"delta": {"role": "assistant"}}]}), end="hold"),
                             StreamStalledError, ("fell silent",), requests=3, settings={"timeout": SILENT}),
    "F07 keep-alive": Row(plays([BEGUN, *[b": ping\n\n", 0.05] * 40], end="hold"), StreamStalledError,
                          ("no event came for 0.15 s",), KEPT, settings={"timeout": SILENT}),
    "F07 keep-alive first": Row(plays([b": ping\n\n", 0.05] * 40, end="hold"), APITimeoutError,
                                ("sent no event within 0.3 s",), settings={"timeout": SHORT}),
    "F07 one byte at a time": Row(plays([BEGUN, *[b"x", 0.05] * 40], end="hold"), StreamStalledError,
                                  ("no event came for 0.15 s",), KEPT, settings={"timeout": SILENT}),
    "F07 total": Row(plays([BEGUN, *[TICK, 0.05] * 40]), APITimeoutError, ("within 0.4 s, the total",),
                     KEPT, settings={"timeout": Timeouts(total=0.4)}),
    "F09": Row(plays(BEGUN, end="cut"), ConnectionLostError, ("lost in mid-reply",), KEPT),
    "F09 before a word": Row(plays(b"", end="cut"), ConnectionLostError, (), requests=3),
    "F10": Row(plays(BEGUN, end="reset"), ConnectionLostError, ("lost in mid-reply",), KEPT),
    "F10 no blank line": Row(plays([BEGUN[:-1], 0.1], end="reset"), ConnectionLostError, ("lost in mid-reply",), KEPT),
    "F07 no blank line": Row(plays(BEGUN[:-1], end="hold"), StreamStalledError, ("fell silent",), KEPT,
                             settings={"timeout": SILENT}),
    "F11": Row(plays(BEGUN), ConnectionLostError, ("broke off: neither a finish reason nor [DONE]",), KEPT),
    "F11 before a word": Row(plays(b": nothing\n\n"), ConnectionLostError, ("before it began",), requests=3),
    "F12": Row(plays(BEGUN, framing="close"), ConnectionLostError, ("broke off",), KEPT),
    "F12 cut in an event": Row(plays(BEGUN + b'data: {"choi', framing="close"), ConnectionLostError, (), KEPT),
    "F14": Row(plays(BEGUN + sse(error("CUDA out of memory " + "x" * 900))), ServerStreamError,
               ("CUDA out of memory", "…"), KEPT),
    "F14 named": Row(plays(BEGUN + b'event: error\ndata: {"message": "CUDA died"}\n\n'), ServerStreamError,
                     ("CUDA died",), KEPT),
    "F14 bare text": Row(plays(BEGUN + b"event: error\ndata: CUDA died\n\n"), ServerStreamError, ("CUDA died",), KEPT),
    "F14 text": Row(plays(BEGUN + sse({"error": "CUDA died"})), ServerStreamError, ("CUDA died",), KEPT),
    "F14 unescaped": Row(plays(BEGUN + b'data: {"error": "it said "no" to us"}\n\n'), ServerStreamError,
                         ("it said",), KEPT),
    "F14 with a choice": Row(
        plays(BEGUN + sse({"error": {"code": 502, "message": "Provider died"},
                           "choices": [{"delta": {"content": ""}, "finish_reason": "error"}]})),
        ServerStreamError, ("Provider died",), KEPT),
    "F16": Row(plays(BEGUN + sse({"object": "error", "message": "EngineCore died", "code": 500})), ServerStreamError,
               ("EngineCore died",), KEPT),
    "F18": Row(plays(BEGUN + b"data: {not json " + b"z" * 300 + b"}\n\n"), ProtocolError, ("{not json",), KEPT),
    "F19": Row(plays(GOOD.replace(b"4", b"4\xff")), None, ("4�", "bytes that are no text"), ("Two.", "4�")),
    "F20": Row(plays(GOOD.replace(b"4", "é😀\u2028日".encode()), slice=1), None, (), ("Two.", "é😀\u2028日")),
    "F21": Row(plays(GOOD.replace(b"\n", b"\r\n"), slice=3), None, (), WHOLE),
    "F22": Row(zipped(GOOD), None, (), WHOLE),
    "F23": Row(bomb(BEGUN), TooLargeError, ("limit",), KEPT),
    "F23 first": Row(bomb(b""), TooLargeError, ("limit",)),
    "F24": Row(plays(BEGUN + b"data: " + b"x" * (16 * MEGABYTE), slice=MEGABYTE), TooLargeError, ("8 MiB",), KEPT),
    "F25": Row(plays(PAGE, headers={"content-type": "text/html"}), NotAnAPIError, ("Campus sign-in", "/v1", "VPN")),
    "F26": Row(plays(PAGE, headers={"content-type": "text/html"}, framing="length"), NotAnAPIError,
               ("Campus sign-in",)),
    "F28": Row(answers(200, error("model is loading"), then=GOOD), None, (), WHOLE, requests=2),
    "F28 for ever": Row(answers(200, error("model is loading")), ServerStreamError, ("model is loading",), requests=-1),
    "F28 another": Row(answers(200, error("out of memory")), ServerStreamError, ("out of memory",)),
    "F29": Row(plays(sse({"choices": []}) + GOOD), None, (), WHOLE),
    "F29 whole": Row(answers(200, {"id": "x", "choices": []}), ProtocolError, ("none held a reply",)),
    "F30": Row(answers(200, {"id": "x", "choices": None}), ProtocolError, ("none held a reply",)),
    "F31": Row(plays(choosing(finish="length", content=None)), None, ("still thinking", "raise max_tokens"),
               ("Two.", "")),
    "F32": Row(plays(choosing(finish="length")), None, ("cut off", "raise max_tokens"), WHOLE),
    "F33": Row(plays(choosing(finish="content_filter")), None, ("content filter",), WHOLE),
    "F33 unknown": Row(plays(choosing(finish="eldritch")), None, (), WHOLE),
    "F35": Row(plays(GOOD), None, (), WHOLE),
    "F36": Row(plays(GOOD, end="hold"), None, (), WHOLE),
    "F37": Row(answers(400, error(OVERFLOW)), ContextLengthError,
               ("8192", "Three ways out", "The window has 8,192 tokens", "max_tokens asks for"),
               requests=2),
    "F38": Row(plays(choosing(finish="stop", usage={"prompt_tokens": 4090, "completion_tokens": 6})), None,
               ("4,090 tokens in a prompt that should have about", "cut off"), WHOLE, prompt="word " * 20_000),
    "F39": Row(refuses_stream_options, None, ("stream_options",), WHOLE, requests=2),
    "F39 the user's own": Row(answers(400, error("Unsupported parameter: top_k")), BadRequestError, ("top_k",)),
    "F40": Row(answers(401, error(f"bad key {KEY}")), AuthenticationError, ("401", "The key came from api_key=")),
    "F41": Row(answers(403, error("not yours")), PermissionDeniedError, ("not yours", "models()", "magistral-small")),
    "F42": Row(fails_then_names_models, NotFoundError, ("magistral-small-2509",), requests=2),
    "F44": Row(plays(b"<html><title>413 Request Entity Too Large</title>", status=413), BadRequestError,
               ("413", "characters: leave out")),
    "F45": Row(answers(422, DETAIL), BadRequestError, ("temperature: Input should be less than or equal to 2",)),
    "F46": Row(answers(429, error("slow down"), then=GOOD, headers={"retry-after": "0.05"}), None, (), WHOLE,
               requests=2),
    "F46 too long": Row(answers(429, error("slow down"), headers={"retry-after": "300"}), RateLimitError,
                        ("slow down",)),
    "F46 no money": Row(answers(429, error("Budget has been exceeded! Current cost: 1", type="budget_exceeded")),
                        QuotaError, ("Budget has been exceeded",)),
    "F47": Row(answers(429, error("slow down")), RateLimitError, ("slow down",), requests=3),
    "F49": Row(answers(500, error("boom"), headers={"x-request-id": "req_7"}), InternalServerError, ("boom",),
               requests=3),
    "F50": Row(plays(b"<html><title>502 Bad Gateway</title>nginx", status=502), InternalServerError,
               ("502 Bad Gateway",), requests=3),
    "F50 empty": Row(plays(b"", status=504), InternalServerError, ("504",), requests=3),
    "F51": Row(loads_for_a_while, None, (), WHOLE, requests=6),
    "F52": Row(answers(529, error("Overloaded"), then=GOOD), None, (), WHOLE, requests=2),
    "F53": Row(answers(408, error("too slow"), then=GOOD), None, (), WHOLE, requests=2),
    "F53 locked": Row(answers(409, error("locked"), then=GOOD), None, (), WHOLE, requests=2),
}  # fmt: skip


def client_at(base_url: str, **settings: Any) -> Client:
    return Client(base_url=base_url, **{"model": "magistral-small", "api_key": KEY, "timeout": 20, **settings})


def ask(colour: str, client: Client | Conversation, prompt: str = "hi") -> tuple[Reply | None, MagistralError | None]:
    try:
        return COLOURS[colour](client, prompt)[0], None
    except MagistralError as failure:
        return failure.partial, failure


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("name", ROWS)
def test_a_row_of_the_matrix(server: FakeServer, name: str, colour: str) -> None:
    row = ROWS[name]
    row.plays(server)
    began = time.monotonic()
    talk = Conversation(client_at(server.base_url, **row.settings))
    reply, failure = ask(colour, talk if colour == "sync" else talk.client, row.prompt)
    assert time.monotonic() - began < 15  # it hung if not
    assert type(failure) is (row.error or type(None)), failure
    seen = str(failure) if failure else reply_text(reply.to_dict())  # type: ignore[union-attr]  # one of the two
    assert [word for word in row.words if word not in seen] == [], seen
    assert (reply.thinking if reply else "", reply.answer if reply else "") == row.kept
    asked = [request for request in server.requests if request.path != MODELS or "F42" in name]
    assert len(asked) == row.requests or (row.requests == -1 and len(asked) > 3)
    if failure:
        assert KEY not in repr(failure) + str(failure) + repr(failure.__cause__)
        assert failure.endpoint == server.base_url
        assert failure.model == "magistral-small"
        assert len(str(failure)) < 1_200
        assert not (reply and reply.complete)
    if colour == "sync":  # what was asked and what came are kept, and marked
        (turn,) = talk.turns
        assert (turn.question, turn.thinking, turn.answer) == (row.prompt, *row.kept)
        assert (turn.state == "failed") == bool(failure)


def test_every_row_of_the_matrix_is_here_or_named_for_later() -> None:
    here = {name.split()[0] for name in ROWS} | {"F01", "F02", "F03", "F04"} | ELSEWHERE | set(LATER)
    assert here == set(MATRIX)


def test_ids_of_requests_are_kept(server: FakeServer) -> None:
    ROWS["F49"].plays(server)
    _, failure = ask("sync", client_at(server.base_url))
    assert failure
    assert failure.request_id == "req_7"


# ---- Rows in which no server answers


@pytest.mark.parametrize("colour", COLOURS)
def test_f01_nobody_listens(colour: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    waits: list[float] = []
    pause_after = retrying._Plan.pause_after

    def noting(plan: Any, error: MagistralError, *, heard: bool) -> float:
        waits.append(pause_after(plan, error, heard=heard))
        return waits[-1]

    monkeypatch.setattr(retrying._Plan, "pause_after", noting)
    reply, failure = ask(colour, client_at(address))
    assert isinstance(failure, APIConnectionError)
    assert address in failure.message
    assert "Is the server running" in failure.hint
    assert "The address comes from your base_url." in failure.hint
    assert len(waits) == 2
    assert reply is None


@pytest.mark.parametrize("colour", COLOURS)
def test_f02_no_such_host(colour: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver is a stand-in: a real one would ask the network."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    _, failure = ask(colour, client_at("https://llm.campus.invalid/v1"))
    assert isinstance(failure, APIConnectionError)
    assert "no host named llm.campus.invalid is known here" in failure.message
    assert "VPN" in failure.hint
    assert "base_url" in failure.hint


@pytest.mark.parametrize("colour", COLOURS)
def test_f03_a_certificate_of_the_campus(
    colour: str, secure_server: FakeServer, authority: trustme.CA, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    secure_server.play(GOOD)
    _, failure = ask(colour, client_at(secure_server.base_url))
    assert isinstance(failure, APIConnectionError)
    assert "a certificate that this machine does not trust" in failure.message
    assert "verify='/path/to/ca.pem'" in failure.hint
    assert "verify=False" not in str(failure)
    assert secure_server.requests == []
    reply, failure = ask(colour, client_at(secure_server.base_url, verify=str(tmp_path / "ca.pem")))
    assert failure is None
    assert reply
    assert reply.answer == "4"


@pytest.mark.parametrize("colour", COLOURS)
def test_f04_a_proxy_never_catches_a_server_on_this_machine(
    colour: str, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server.play(GOOD)
    reply, failure = ask(colour, client_at(server.base_url))
    assert failure is None
    assert reply
    assert reply.answer == "4"


# ---- What the rows leave open


def test_an_overflow_is_told_with_its_numbers(server: FakeServer) -> None:
    answers(400, error(OVERFLOW))(server)
    _, failure = ask("sync", client_at(server.base_url), "word " * 6_000)
    assert failure
    assert "The window has 8,192 tokens, the prompt has about 10,2" in failure.hint
    assert "max_tokens asks for 40,960." in failure.hint


def test_an_ordinary_prompt_is_no_cut_prompt(server: FakeServer) -> None:
    server.play(choosing(finish="stop", usage={"prompt_tokens": 13_000, "completion_tokens": 6}))
    reply, _ = COLOURS["sync"](client_at(server.base_url), "Why is it so? " * 3_000)
    assert reply.usage
    assert reply.usage.prompt_tokens == 13_000
    assert [notice.code for notice in reply.notices] == []
