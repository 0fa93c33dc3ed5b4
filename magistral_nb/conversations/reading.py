"""JSON that somebody else may have written: read within bounds, checked against a schema, salvaged if torn."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from magistral_nb.conversations.schema import MARK, TURN, VERSION
from magistral_nb.errors import ConfigurationError, TooLargeError

DEEPEST = 40
"""How deep lists and objects may lie within each other; a conversation needs nine levels."""
_TURNS = re.compile(r'"turns"\s*:\s*\[')
_HALF = re.compile("[\ud800-\udfff]")


def json_text(data: Any, **how: Any) -> str:
    """Return data as JSON that can be written as UTF-8; half a character is written as an escape."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, **how)
    return _HALF.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


def parsed(text: str, name: str) -> Any:
    """Return the JSON data of a text. Raises ValueError if it is none, and TooLargeError if it is too deep."""
    try:
        data = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise _too_deep(name) from error
    _check_depth(data, name)
    return data


def checked(data: Any, schema: Mapping[str, Any], name: str) -> Any:
    """Return data that keeps to a schema. Raises ConfigurationError that names the place of the first mistake."""
    if mistake := first_mistake(data, schema):
        raise ConfigurationError(
            f"{name} is damaged, or no conversation: {mistake}.",
            hint="The format is in docs/conversations.md. The file was left as it is.",
        )
    return data


def first_mistake(data: Any, schema: Mapping[str, Any]) -> str:
    """Return where data breaks a schema and how, or ""."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    first = next(Draft202012Validator(schema).iter_errors(data), None)
    error = best_match([first]) if first else None
    return f"{error.json_path}: {error.message[:200]}" if error else ""


def check_version(data: Any, name: str) -> None:
    """Raise ConfigurationError for data that is no conversation, or one of a later version of this package."""
    version = data.get(MARK) if isinstance(data, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise ConfigurationError(
            f"{name} has version {version} of the format, and this magistral_nb reads up to {VERSION}.",
            hint="It was saved by a newer one: pip install --upgrade magistral_nb",
        )
    if version is None:
        raise ConfigurationError(
            f"{name} is no conversation: there is no {MARK!r} at its top.",
            hint="Name a file that conversation.save(…) has written.",
        )


def salvaged(text: str, error: ValueError, name: str) -> tuple[dict[str, Any], int]:
    """Return what is good of a torn file, and how many turns are not. Raises ConfigurationError if nothing is good."""
    begin = _TURNS.search(text)
    top = _top(text[: begin.end()]) if begin else None
    if top is not None:
        check_version(top, name)
    turns, bad = _turns_of(text, begin.end()) if begin and top else ([], 0)
    if top is None or not turns:
        raise ConfigurationError(
            f"{name} is damaged, or no conversation: {error}.",
            hint="Name a file that conversation.save(…) has written. The file was left as it is.",
        )
    mended = _mended(turns)
    ids = [turn["id"] for turn in mended]
    return {**top, "head": top.get("head") if top.get("head") in ids else ids[-1], "turns": mended}, bad


def _top(text: str) -> dict[str, Any] | None:
    try:
        top = json.loads(text + "]}", parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None
    return top if isinstance(top, dict) else None


def _turns_of(text: str, start: int) -> tuple[list[dict[str, Any]], int]:
    """Return the good turns of a list that may be torn: each stands on a line of its own."""
    decoder = json.JSONDecoder(parse_constant=_refuse_constant)
    turns: list[dict[str, Any]] = []
    bad = 0
    while (start := _after_space(text, start)) < len(text) and text[start] != "]":
        try:
            turn, start = decoder.raw_decode(text, start)
            is_good = not first_mistake(turn, TURN)
        except (ValueError, RecursionError):
            is_good, start = False, text.find("\n", start) % (len(text) + 1)
        if is_good:
            turns.append(turn)
        else:
            bad += 1
    return turns, bad


def _after_space(text: str, start: int) -> int:
    while start < len(text) and text[start] in " \t\r\n,":
        start += 1
    return start


def _mended(turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Hang a turn whose parent is lost below the one before it in the file, which is older."""
    known: list[int] = []
    mended = []
    for turn in turns:
        if turn["id"] in known:
            continue
        is_lost = turn["parent"] is not None and turn["parent"] not in known
        mended.append({**turn, "parent": (known[-1] if known else None)} if is_lost else turn)
        known.append(turn["id"])
    return mended


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _check_depth(data: Any, name: str) -> None:
    level, depth = [data], 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise _too_deep(name)
        level = [
            part
            for one in level
            for part in (one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
            if isinstance(part, dict | list)
        ]


def _too_deep(name: str) -> TooLargeError:
    return TooLargeError(f"{name} is nested more than {DEEPEST} levels deep.", hint="Is it the file that you mean?")
