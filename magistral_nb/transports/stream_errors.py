"""Errors that come inside a stream, in each server's spelling, and the titles of web pages that come instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import unescape
from typing import Any

from magistral_nb.errors import MagistralError, ServerStreamError

_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
MOST_CHARACTERS = 500
"""How much of a server's own words goes into an error, in characters."""


def error_in(value: Any, event_name: str = "") -> MagistralError | None:
    """Return the error that an event of a stream reports, or None. `event_name` is the event's `event:` line.

    Known spellings: {"error": {"message"}}, {"error": "text"}, {"object": "error", "message"}, `event: error`.
    """
    if isinstance(value, Mapping):
        told = value.get("error")
        if not told and (event_name == "error" or value.get("object") == "error"):
            told = value
    else:
        told = value if event_name == "error" else None
    if not told:
        return None
    return ServerStreamError(
        f"The server reported an error: {server_message(told)}",
        hint="What had arrived is in .partial; ask again, and if it stays so, tell the people who run the server.",
    )


def server_message(told: Any, *, clean: Callable[[str], str] = str) -> str:
    """Return the words of an error object, cleaned, and then cut to a readable length."""
    if isinstance(told, Mapping):
        inner = told.get("error")
        if isinstance(inner, Mapping | str) and inner:
            return server_message(inner, clean=clean)
        told = told.get("message") or _fields(told.get("detail")) or told.get("code") or str(dict(told))
    text = clean(" ".join(str(told).split()))
    return text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS] + "…"


def _fields(detail: Any) -> Any:
    """Read the list of wrong fields that FastAPI servers send with status 422; anything else stays as it is."""
    if not isinstance(detail, list) or not all(isinstance(one, Mapping) and one.get("msg") for one in detail):
        return detail
    places = [[str(part) for part in one.get("loc") or () if part != "body"] for one in detail]
    return "; ".join(
        f"{'.'.join(place)}: {one['msg']}" if place else str(one["msg"])
        for place, one in zip(places, detail, strict=True)
    )


def page_title(html: str) -> str:
    """Return the title of a web page, or its first words."""
    found = _TITLE.search(html)
    text = unescape(_TAG.sub(" ", found.group(1) if found else html[:2000]))
    return " ".join(text.split())[:100] or "an empty page"
