"""A question that no recording answers: which recorded one is nearest, and how the two differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from magistral_nb.cassettes.canonical import canonical_json, question_of, text_of
from magistral_nb.cassettes.format import Recording
from magistral_nb.rendering.text import plain

_LONGEST = 2_000
"""So many characters of a question are compared: likeness takes time with the square of the length."""
_SHOWN = 60
"""So many characters of a text are shown, and as many around a difference."""


def nearest_to(request: Mapping[str, Any], recordings: Sequence[Recording]) -> Recording | None:
    """Return the recording whose question is most alike; among equals the one that differs in fewest other things."""
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(question_of(request)[:_LONGEST])
    best: Recording | None = None
    score = (-1.0, 0)
    for recording in {recording.key: recording for recording in recordings}.values():
        matcher.set_seq1(recording.question[:_LONGEST])
        if matcher.real_quick_ratio() < score[0] or matcher.quick_ratio() < score[0]:
            continue
        found = matcher.ratio(), -len(differences(request, recording.request))
        if found > score:
            best, score = recording, found
    return best


def differences(request: Mapping[str, Any], recorded: Mapping[str, Any]) -> list[str]:
    """Return what differs between a request and a recorded one, a few words for each thing."""
    told = []
    for name in sorted(request.keys() | recorded.keys(), key=lambda name: (name != "messages", name)):
        if name == "messages":
            told += _message_differences(_messages(request), _messages(recorded))
        elif request.get(name) != recorded.get(name):
            told.append(f"{short(name)} is {_shown(request, name)} here and {_shown(recorded, name)} there")
    return told


def short(text: str) -> str:
    """Return the beginning of a text, on one line, safe to print."""
    line = " ".join(plain(text[: 10 * _SHOWN]).split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"


def _message_differences(here: Sequence[Any], there: Sequence[Any]) -> list[str]:
    told = []
    if len(here) != len(there):
        told.append(f"{_count(len(here))} here and {len(there)} there")
    for number, (mine, theirs) in enumerate(zip(here, there, strict=False), start=1):
        if mine == theirs:
            continue
        roles = [short(str(message.get("role"))) for message in (mine, theirs)]
        where = f"message {number} ({roles[0]})"
        texts = [text_of(message.get("content")) for message in (mine, theirs)]
        if roles[0] != roles[1]:
            told.append(f"message {number} is of the {roles[0]} here and of the {roles[1]} there")
        elif texts[0] == texts[1]:
            told.append(f"{where} differs in something other than its text")
        else:
            told.append(f"{where} says {_around(*texts)}")
    return told


def _around(here: str, there: str) -> str:
    """Return the two texts around the first place where they part."""
    start = next((n for n, (a, b) in enumerate(zip(here, there, strict=False)) if a != b), min(len(here), len(there)))
    begin = max(0, start - 20)
    pieces = [text[begin : begin + _SHOWN] for text in (here, there)]
    shown = [" ".join(plain(piece).split()) for piece in pieces]
    if shown[0] == shown[1]:  # they part in blanks only, which must then be seen
        shown = [plain(repr(piece)[1:-1]) for piece in pieces]
    before = "…" if begin else ""
    mine, theirs = (
        f'"{before}{piece}{"…" if len(text) > begin + _SHOWN else ""}"'
        for piece, text in zip(shown, (here, there), strict=True)
    )
    return f"{mine} here and {theirs} there"


def _messages(request: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    messages = request.get("messages")
    return [message for message in messages if isinstance(message, dict)] if isinstance(messages, list) else []


def _shown(request: Mapping[str, Any], name: str) -> str:
    return short(canonical_json(request[name])) if name in request else "not set"


def _count(number: int) -> str:
    return f"there {'is' if number == 1 else 'are'} {number} message{'' if number == 1 else 's'}"
