"""What may stand in a cassette, and what is refused and how."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from magistral_nb import Client, ConfigurationError, record, replay
from magistral_nb.cassettes import reading, writing
from magistral_nb.cassettes.canonical import FIELDS, canonical_request, request_key
from magistral_nb.cassettes.cleaning import without_secrets
from magistral_nb.cassettes.format import Recording, from_lines, to_lines
from magistral_nb.scrubbing import register, scrub_pieces
from tests.fake_server import FakeServer
from tests.test_client import GOOD, client_for

REQUEST = {"model": "m", "messages": [{"role": "user", "content": "Q"}]}


def recording(**changes: Any) -> Recording:
    chunk = {"choices": [{"delta": {"content": "yes"}, "finish_reason": "stop"}]}
    facts: dict[str, Any] = {"request": REQUEST, "place": {"name": "x"}, "recorded": "2026-11-30T10:00:00Z"}
    return Recording(**{**facts, "complete": True, "chunks": [(0.25, chunk)], "key": request_key(REQUEST), **changes})


def lines_of(**changes: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in to_lines(recording(**changes)).splitlines()]


def write(path: Path, *lines: object) -> Path:
    path.write_bytes(
        b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
    )
    return path


def test_what_is_written_is_read_back() -> None:
    written = [recording(), recording(complete=False, chunks=[]), recording(request={**REQUEST, "seed": 1})]
    data = b"".join(map(to_lines, written))
    found = list(from_lines(data.splitlines(), name="x"))
    keys = [request_key(one.request) for one in written]
    assert [(one.request, one.complete, list(one.chunks), one.key) for one in found] == [
        (one.request, one.complete, one.chunks, key) for one, key in zip(written, keys, strict=True)
    ]


def test_blank_lines_a_mark_at_the_head_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    raw = b"\xef\xbb\xbf" + to_lines(recording()).replace(b"\n", b"\r\n") + b"\r\n\n"
    path = tmp_path / "x.jsonl"
    path.write_bytes(raw)
    assert [one.question for one in reading.read_cassette(path)] == ["Q"]


def test_the_key_is_that_of_the_request_as_it_stands_in_the_file(tmp_path: Path) -> None:
    head, event = lines_of()
    head["request"]["messages"][0]["content"] = "Edited by hand?"
    (found,) = reading.read_cassette(write(tmp_path / "x.jsonl", head, event))
    assert found.key == request_key({**REQUEST, "messages": [{"role": "user", "content": "Edited by hand?"}]})


HEAD, EVENT = lines_of()
DEEP = b'{"type":"request","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
LESS_DEEP: dict[str, Any] = {"type": "event", "t": 0, "data": {}}
for _ in range(80):
    LESS_DEEP = {**LESS_DEEP, "data": {"x": LESS_DEEP["data"]}}
DAMAGED: dict[str, tuple[list[object], int, str]] = {
    "torn": ([HEAD, json.dumps(EVENT).encode()[:40]], 2, "no JSON"),
    "too few": ([{**HEAD, "events": 2}, EVENT], 1, "announces 2 chunks, and 1 follow"),
    "too many": ([HEAD, EVENT, EVENT], 3, "belongs to no request"),
    "no head": ([EVENT], 1, "belongs to no request"),
    "a list": ([[1, 2]], 1, "no JSON object"),
    "not text": ([HEAD, b"\xff\xfe"], 2, "no JSON"),
    "no number": ([{**HEAD, "events": 1}, b'{"type":"event","t":NaN,"data":{}}'], 2, "no JSON"),
    "negative": ([HEAD, {**EVENT, "t": -1}], 2, "no chunk with its time"),
    "deep": ([DEEP], 1, "no JSON|nested deeper"),
    "less deep": ([HEAD, LESS_DEEP], 2, "is nested deeper than 64"),
    "another thing": ([{"a": 1}], 1, "is neither a request nor a chunk"),
    "no date": ([{**HEAD, "recorded": "yesterday\x1b[2J"}, EVENT], 1, "has no usable 'recorded'"),
    "no request": ([{**HEAD, "request": "Q"}, EVENT], 1, "has no usable 'request'"),
    "huge number": ([b'{"type":"request","v":' + b"9" * 5000 + b"}"], 1, "no JSON"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_names_the_line_and_what_to_do(tmp_path: Path, name: str) -> None:
    lines, number, why = DAMAGED[name]
    path = write(tmp_path / "x.jsonl", *lines)
    with (
        pytest.raises(ConfigurationError, match=rf"x\.jsonl is damaged: line {number} .*({why})") as caught,
        replay(path),
    ):
        pass
    assert "delete that exchange" in caught.value.hint


def test_a_newer_version_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", {"type": "request", "v": 2})
    with pytest.raises(ConfigurationError, match="version 2") as caught, replay(path):
        pass
    assert "pip install -U" in caught.value.hint


def test_only_what_is_allowed_is_kept_of_a_request() -> None:
    body = {**REQUEST, "user": "ada", "metadata": {"a": 1}, "stream": True, "stream_options": {}, "max_tokens": 9}
    assert canonical_request({**body, "nobody_thought_of": "this"}, max_tokens=None) == REQUEST
    assert canonical_request(body, max_tokens=300) == {**REQUEST, "max_tokens": 300}


def test_a_picture_is_told_by_its_hash() -> None:
    def asked(data: str) -> str:
        part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
        request = canonical_request({"model": "m", "messages": [{"role": "user", "content": [part]}]}, max_tokens=None)
        assert data not in json.dumps(request)
        return request_key(request)

    assert asked("AAAA" * 1000) == asked("AAAA" * 1000) != asked("BBBB" * 1000)


def test_a_stranger_cassette_can_only_speak(tmp_path: Path) -> None:
    """What a place says of an endpoint sends nothing anywhere, and what has the wrong kind is left out."""
    place: dict[str, Any] = {
        "name": "evil",
        "base_url": "http://collect.invalid",
        "key_env": "SECRET",
        "context": "x",
        "engine": "rm",
    }
    place |= {"dialect": {"extra_body": [1], "opens_thought": "yes"}, "defaults": {"timeout": 1}, "price": ["a"]}
    path = tmp_path / "x.jsonl"
    path.write_bytes(to_lines(recording(place={**place, "model": "m", "system": False, "headers": {"a": "b"}})))
    request = canonical_request({**REQUEST, "temperature": 0.7, "top_p": 0.95}, max_tokens=None)
    note = {"magistral": {"waiting": {"why": "retry", "seconds": 1e9}, "request_id": "theirs"}}
    chunks = [(0.0, note), *recording().chunks]
    place |= {"model": "m", "system": False}
    path.write_bytes(to_lines(recording(place=place, request=request, chunks=chunks)))
    with replay(path):
        client = Client()
        row = client.endpoint
        assert (row.base_url, row.key_env, row.context, row.engine, row.price) == ("", None, None, "http", None)
        with client.stream("Q", system=None) as stream:
            assert {event.type for event in stream} == {"started", "answer.delta", "done"}
        assert (stream.reply.answer, stream.reply.request_id) == ("yes", None)


@pytest.mark.parametrize("size", range(1, 24))
def test_a_secret_cut_anywhere_is_found(size: int) -> None:
    register("sk-cut-anywhere-1")
    text = "a sk-cut-anywhere-1, and sk-cut-anywhere-1sk-cut-anywhere-1 b"
    pieces = [text[n : n + size] for n in range(0, len(text), size)]
    clean = scrub_pieces(pieces)
    assert len(clean) == len(pieces)
    assert "".join(clean) == "a <redacted>, and <redacted><redacted> b"
    assert scrub_pieces(["nothing", "here"]) == ["nothing", "here"]


def test_two_calls_at_once_are_two_texts() -> None:
    register("sk-two-calls-12")

    def piece(index: int, text: str) -> tuple[float, dict[str, Any]]:
        call = {"index": index, "function": {"arguments": text}}
        return 0.0, {"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}

    pieces = [piece(0, "sk-two"), piece(1, "sk-"), piece(0, "-calls-12"), piece(1, "two-calls-12")]
    assert re.findall("sk-|two|calls-12", json.dumps(without_secrets(pieces))) == []
    assert json.dumps(pieces).count("two") == 2  # the reply itself is not changed


@pytest.mark.parametrize("wrong", [LESS_DEEP["data"], {"choices": [{"delta": {"content": float("inf")}}]}])
def test_what_could_not_be_read_is_not_written(tmp_path: Path, wrong: dict[str, Any]) -> None:
    path = tmp_path / "x.jsonl"
    with pytest.raises((ConfigurationError, ValueError)):
        writing.append(path, recording(chunks=[(0.0, wrong)]))
    assert not path.exists()


def test_the_page_tells_the_format_as_it_is(tmp_path: Path) -> None:
    page = (Path(__file__).parents[1] / "docs" / "cassettes.md").read_text("utf-8")
    example = page.partition("```json\n")[2].partition("```")[0]
    (tmp_path / "x.jsonl").write_text(example, "utf-8")
    (found,) = reading.read_cassette(tmp_path / "x.jsonl")
    assert (found.question, found.complete, len(found.chunks)) == ("Is 91 prime?", True, 2)
    listed = page.partition("Recorded of a request: ")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", listed)) == FIELDS
    table = set(re.findall(r"^\| `(\w+)` \|", page.partition("## The format")[2], re.MULTILINE))
    assert table == HEAD.keys() | EVENT.keys()


def test_whether_anything_is_written_here_is_decided_here(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cassette brings the settings of whoever recorded it, and none that would write to the disk of a class."""
    server.play(GOOD)
    with record(tmp_path / "lesson.jsonl"):
        client_for(server).chat("q")
    settings = tmp_path / "settings.toml"
    settings.write_text("[defaults]\njournal = false\nmeter = false\n")
    monkeypatch.setenv("MAGISTRAL_SETTINGS", str(settings))
    with replay(tmp_path / "lesson.jsonl"):
        told = Client().settings
        assert told.journal is False
        assert told.meter is False
        assert told.sources["journal"].source == str(settings)
        settings.write_text("not [ right")
        assert Client().chat("q").answer == "4"
