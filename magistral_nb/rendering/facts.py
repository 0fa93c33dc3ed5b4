"""What there is to say about a reply besides its text, in plain words for a page and for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import floor, log10
from typing import Any

_ENDED = {
    "interrupted": "stopped by you",
    "content_filter": "stopped by the server's content filter",
    "budget": "stopped by your budget",
}


def duration(seconds: float, *, whole: bool = False) -> str:
    """Return a time as a reader says it; `whole` leaves tenths out, for a clock that runs.

    >>> duration(0.42), duration(12.3), duration(65), duration(3720), duration(5.8, whole=True)
    ('0.4 s', '12 s', '1 min 5 s', '1 h 2 min', '5 s')
    """
    if whole:
        seconds = floor(seconds)
    elif round(seconds, 1) < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = (f"{hours} h" * bool(hours), f"{minutes} min" * bool(minutes), f"{rest} s" * bool(rest and not hours))
    return " ".join(filter(None, parts)) or "0 s"


def thought(data: Mapping[str, Any]) -> str:
    """Return the heading of the thinking: "Thought for 12 s", or "Thought" where no time was observed."""
    seconds = data.get("thinking_seconds") or 0.0
    return f"Thought for {duration(seconds)}" if round(seconds, 1) > 0 else "Thought"


def badges(data: Mapping[str, Any]) -> list[str]:
    """Return what a reader must know before reading: a demonstration model, or a recording."""
    told = [str(notice.get("text")) for notice in _notices(data) if notice.get("code") == "demonstration"]
    if data.get("recorded"):
        told.append(f"Recorded on {data['recorded']}: played back, no model was asked")
    return told


def warnings(data: Mapping[str, Any]) -> list[str]:
    """Return all other notices."""
    return [str(notice.get("text")) for notice in _notices(data) if notice.get("code") != "demonstration"]


def wishes(data: Mapping[str, Any]) -> list[str]:
    """Return the functions that the model asks for, one `name(arguments)` each."""
    return [f"{call.get('name')}({call.get('arguments')})" for call in data.get("tool_calls") or ()]


def missing_answer(data: Mapping[str, Any]) -> str:
    """Say why there is nothing to read, or "" if there is an answer or a function to call."""
    if _written(data, "answer") or data.get("tool_calls"):
        return ""
    if _written(data, "thinking"):
        return "No answer: the reply ended while the model was still thinking."
    return "No answer: the model wrote nothing."


def unusual_end(data: Mapping[str, Any]) -> str:
    """Say how the reply ended, or "" if it ended as replies do."""
    reason = data.get("finish_reason")
    if reason == "length":
        tokens = _usage(data).get("completion_tokens")
        return f"cut off{f' at {tokens:,} tokens' if tokens else ''}: raise max_tokens"
    if reason == "unknown" and not data.get("complete"):
        return "the reply did not end in order"
    return _ENDED.get(str(reason), "")


def footer(data: Mapping[str, Any]) -> list[str]:
    """Return who answered and what it took: model, endpoint, tokens, speed, cost, time; of a recording, its day."""
    usage, seconds = _usage(data), data.get("seconds") or 0.0
    written, cost = usage.get("completion_tokens"), usage.get("cost")
    model, recorded = str(data.get("model") or ""), data.get("recorded")
    facts = [f"recorded {recorded} with {model}" if recorded else model, str(data.get("endpoint") or "")]
    about = "about " if usage.get("estimated") else ""
    if usage:
        facts.append(f"{about}{usage.get('prompt_tokens') or 0:,} + {written or 0:,} tokens")
    if written and round(seconds, 1) > 0:
        facts.append(f"{_speed(written / seconds)} tokens/s")
    if cost is not None:
        facts.append(about + dollars(cost))
    if round(seconds, 1) > 0:
        facts.append(duration(seconds))
    return [fact for fact in facts if fact]


def _speed(tokens_per_second: float) -> str:
    return f"{tokens_per_second:.1f}" if tokens_per_second < 10 else f"{tokens_per_second:,.0f}"


def dollars(cost: float) -> str:
    """Show two digits that mean something.

    >>> dollars(0.001234), dollars(0.38), dollars(12), dollars(0)
    ('$0.0012', '$0.38', '$12.00', '$0')
    """
    return f"${cost:,.{max(2, 1 - floor(log10(cost)))}f}" if cost > 0 else "$0"


def _written(data: Mapping[str, Any], part: str) -> bool:
    return bool(str(data.get(part) or "").strip())


def _usage(data: Mapping[str, Any]) -> Mapping[str, Any]:
    usage: Mapping[str, Any] = data.get("usage") or {}
    return usage


def _notices(data: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    notices: Sequence[Mapping[str, Any]] = data.get("notices") or ()
    return notices
