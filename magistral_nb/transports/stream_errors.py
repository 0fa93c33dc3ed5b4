"""Errors that come inside a stream, in each server's spelling, and the titles of web pages that come instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import unescape
from typing import Any

from magistral_nb.errors import MagistralError, ServerStreamError
from magistral_nb.scrubbing import scrub

_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
MOST_CHARACTERS = 500
"""How much of a server's own words goes into an error, in characters."""


def error_in(value: Any, event_name: str = "") -> MagistralError | None:
    """Return the error that an event of a stream reports, or None. `event_name` is the event's `event:` line.

    Known spellings: {"error": {"message"}}, {"error": "text"}, {"object": "error", "message"}, `event: error`, and
    inside the choice, {"error": …} or {"finish_reason": "error"}.
    """
    if isinstance(value, Mapping):
        told = value.get("error")
        if not told and (event_name == "error" or value.get("object") == "error"):
            told = value
        told = told or _error_of_choice(value.get("choices"))
    else:
        told = value if event_name == "error" else None
    if not told:
        return None
    return ServerStreamError(
        f"The server reported an error: {server_message(told)}",
        hint="What had arrived is in .partial; ask again, and if it stays so, tell the people who run the server.",
    )


def _error_of_choice(choices: Any) -> Any:
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, Mapping) and not choice.get("index"):
            ends_in_error = choice.get("finish_reason") == "error"
            return choice.get("error") or (ends_in_error and "it ended the reply with an error and gave no reason")
    return None


def server_message(told: Any, *, clean: Callable[[str], str] = scrub) -> str:
    """Return the words of an error object, cleaned, and then cut to a readable length."""
    while isinstance(told, Mapping) and isinstance(told.get("error"), Mapping | str) and told["error"]:
        told = told["error"]
    if isinstance(told, Mapping):
        told = told.get("message") or _fields(told.get("detail")) or told.get("code") or dict(told)
    try:
        text = clean(" ".join(_whole_characters(str(told)).split()))
    except RecursionError:  # lists in lists, thousands deep
        return "it gave a reason that is nested too deeply to read"
    return text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS] + "…"


def _whole_characters(text: str) -> str:
    """Replace halves of characters, which JSON can spell and no file can hold."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _fields(detail: Any) -> Any:
    """Read the list of wrong fields that FastAPI servers send with status 422; anything else stays as it is."""
    if not isinstance(detail, list) or not all(isinstance(one, Mapping) and one.get("msg") for one in detail):
        return detail
    places = [[str(part) for part in one.get("loc") or () if part != "body"] for one in detail]
    return "; ".join(
        f"{'.'.join(place)}: {one['msg']}" if place else str(one["msg"])
        for place, one in zip(places, detail, strict=True)
    )


def page_title(html: str, *, clean: Callable[[str], str] = scrub) -> str:
    """Return the title of a web page, or its first words, cleaned, and then cut."""
    found = _TITLE.search(html)
    text = unescape(_TAG.sub(" ", found.group(1) if found else html[:2000]))
    return clean(" ".join(text.split()))[:100] or "an empty page"
