"""What stands in a cassette: for each exchange one line with the request, and one line for each chunk of the reply.

    {"type": "request", "v": 1, "key": …, "recorded": "2026-11-30T22:14:03Z", "complete": true, "events": 2,
     "place": {…}, "request": {…}}
    {"type": "event", "t": 0.41, "data": {"choices": […]}}
    {"type": "event", "t": 0.46, "data": {"magistral": {"done": true}}}

`docs/cassettes.md` documents every field. Names are sorted within a line, and letters are written as they are.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from magistral_nb.cassettes.canonical import question_of, request_key
from magistral_nb.errors import ConfigurationError

VERSION: Final = 1
DEEPEST: Final = 64
"""How deep the JSON of a line may be nested."""

TimedChunk = tuple[float, dict[str, Any]]
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


class StoredChunks(Collection[TimedChunk]):
    """The chunks of a reply as they stand in the file: ten times smaller than what is made of them, one at a time."""

    def __init__(self, lines: list[bytes]) -> None:
        self._lines = b"".join(lines)
        self._count = len(lines)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[TimedChunk]:
        for line in io.BytesIO(self._lines):
            data = _DECODER.decode(line.decode())
            yield float(data["t"]), data["data"]

    def __contains__(self, chunk: object) -> bool:
        return any(chunk == one for one in self)


@dataclass(frozen=True, slots=True)
class Recording:
    """One exchange.

    request : as `canonical_request` returns it. place : as `place_of` returns it. recorded : the moment, in UTC.
    complete : whether the reply came to its end. chunks : with the seconds since the request was sent.
    """

    request: dict[str, Any]
    place: dict[str, Any]
    recorded: str
    complete: bool
    chunks: Collection[TimedChunk] = field(repr=False)
    key: str = ""

    @property
    def date(self) -> str:
        """The day of the recording."""
        return self.recorded[:10]

    @property
    def model(self) -> str:
        """The model that answered."""
        return str(self.request.get("model") or "")

    @property
    def question(self) -> str:
        """What the user said last."""
        return question_of(self.request)


def to_lines(recording: Recording) -> bytes:
    """Return an exchange as lines of UTF-8, each with its line break."""
    head = {
        "type": "request",
        "v": VERSION,
        "key": recording.key,
        "recorded": recording.recorded,
        "complete": recording.complete,
        "events": len(recording.chunks),
        "place": recording.place,
        "request": recording.request,
    }
    events = ({"type": "event", "t": round(at, 3), "data": chunk} for at, chunk in recording.chunks)
    return b"".join(_line(data) for data in (head, *events))


def _line(data: dict[str, Any]) -> bytes:
    try:
        text = json.dumps(data, ensure_ascii=False, sort_keys=True, allow_nan=False).encode()
    except UnicodeEncodeError:  # half an emoji, as some servers send it: kept as an escape
        text = json.dumps(data, ensure_ascii=True, sort_keys=True, allow_nan=False).encode()
    return text + b"\n"


def from_lines(lines: Iterable[bytes], *, name: str) -> Iterator[Recording]:
    """Read exchanges. Raises ConfigurationError, which names the line, for one that cannot be right.

    Nothing of a line is ever quoted in the error: the file may be no cassette at all, but somebody's key.
    """
    head: dict[str, Any] | None = None
    head_line, wanted = 0, 0
    chunks: list[bytes] = []
    number = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        data = _parsed(line, name, number)
        if data.get("type") == "event":
            if head is None or len(chunks) == wanted:
                _refuse(name, number, "is a chunk that belongs to no request")
            _check_event(data, name, number)
            chunks.append(line if line.endswith(b"\n") else line + b"\n")
            continue
        if head is not None:
            yield _recording(head, chunks, wanted, name, head_line)
        head, head_line, chunks = data, number, []
        wanted = _check_head(data, name, number)
    if head is not None:
        yield _recording(head, chunks, wanted, name, head_line)


def _parsed(line: bytes, name: str, number: int) -> dict[str, Any]:
    try:
        data = _DECODER.decode(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except (ValueError, RecursionError):  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        _refuse(name, number, "is no JSON")
    if not isinstance(data, dict):
        _refuse(name, number, "is no JSON object")
    if line.count(b"{") + line.count(b"[") > DEEPEST and _is_deeper(data, DEEPEST):
        _refuse(name, number, f"is nested deeper than {DEEPEST} levels")
    return data


def _check_head(data: dict[str, Any], name: str, number: int) -> int:
    """Return how many chunks follow."""
    if data.get("type") != "request":
        _refuse(name, number, "is neither a request nor a chunk")
    version = data.get("v")
    if isinstance(version, int) and version > VERSION:
        raise ConfigurationError(
            f"The cassette {name} is of version {version}, and this magistral_nb reads version {VERSION}.",
            hint="pip install -U magistral_nb",
        )
    kinds = {"v": int, "recorded": str, "complete": bool, "events": int, "place": dict, "request": dict}
    for field_name, kind in kinds.items():
        if type(data.get(field_name)) is not kind:
            _refuse(name, number, f"has no usable {field_name!r}")
    if not _MOMENT.fullmatch(data["recorded"]):
        _refuse(name, number, "has no usable 'recorded'")
    return int(data["events"])


def _check_event(data: dict[str, Any], name: str, number: int) -> None:
    at, chunk = data.get("t"), data.get("data")
    if isinstance(at, bool) or not isinstance(at, int | float) or not 0 <= at < 1e7 or not isinstance(chunk, dict):
        _refuse(name, number, "is no chunk with its time")


def _recording(head: dict[str, Any], chunks: list[bytes], wanted: int, name: str, number: int) -> Recording:
    if len(chunks) != wanted:
        _refuse(name, number, f"announces {wanted} chunks, and {len(chunks)} follow")
    return Recording(
        request=head["request"],
        place=head["place"],
        recorded=head["recorded"],
        complete=head["complete"],
        chunks=StoredChunks(chunks),
        key=request_key(head["request"]),
    )


def _is_deeper(value: Any, levels: int) -> bool:
    """Say whether data is nested deeper; level by level, since what is too deep must not be descended into."""
    level = [value]
    for _ in range(levels):
        level = [
            part
            for one in level
            for part in (one.values() if isinstance(one, dict) else one)
            if isinstance(part, dict | list)
        ]
        if not level:
            return False
    return True


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)


_DECODER = json.JSONDecoder(parse_constant=_no_number)


def _refuse(name: str, number: int, why: str) -> NoReturn:
    raise ConfigurationError(
        f"The cassette {name} is damaged: line {number} {why}.",
        hint="Take it from where you got it once more, or delete that exchange: its request line and the chunks below.",
    ) from None
