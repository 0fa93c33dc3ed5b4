"""When to ask again, and how long to wait before: only for failures that may pass, and only before the first word."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from magistral_nb.errors import (
    APIConnectionError,
    APITimeoutError,
    BadRequestError,
    ConnectionLostError,
    InternalServerError,
    MagistralError,
    RateLimitError,
    ServerStreamError,
    StreamStalledError,
)
from magistral_nb.transports import Chunk, Request
from magistral_nb.transports.clocks import Clocks

MAY_PASS = (RateLimitError, InternalServerError, APIConnectionError, ConnectionLostError, StreamStalledError)
FIRST_PAUSE = 0.5
"""Before the second try, in seconds; each later pause is twice as long, up to 8 seconds."""
LONGEST_RETRY_AFTER = 120.0
"""A server that asks for a longer pause gets no second request from us, in seconds."""
LOADING_PATIENCE = 300.0
"""How long a server may say that it is still loading its model, in seconds."""

_LOADING = re.compile(
    r"loading (the )?model|model\b.{0,80}\bloading|is starting\b|warming up|cold start", re.IGNORECASE
)
_USAGE_UNKNOWN: Chunk = {
    "magistral": {
        "notice": {
            "code": "no_usage",
            "text": "The server refused to count tokens in a stream (stream_options), so it was asked without.",
        }
    }
}


class Tries:
    """The tries of one request, in either colour. The caller does the waiting, so that it can show and cancel it.

    request : what to send now. clocks : how long it may take. begun : whether a word of the reply has come.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self.clocks = Clocks(request.timeouts)
        self.begun = False
        self._request_id: str | None = None
        self._plan: _Plan | None = None

    def heard(self, chunk: Chunk) -> Chunk:
        """Take note of a chunk, and pass it on."""
        self.begun = self.begun or _tells(chunk)
        self._request_id = chunk.get("magistral", {}).get("request_id") or self._request_id
        return chunk

    def ended(self, endpoint: str) -> None:
        """Raise an error if the reply ended before it began."""
        if not self.begun:
            raise ConnectionLostError(f"{endpoint} ended the reply before it began.")

    def after(self, error: MagistralError) -> tuple[float, Chunk]:
        """Return how many seconds to wait before the next try, and what to say meanwhile.

        Raises the error if there is to be no other try.
        """
        error.request_id = error.request_id or self._request_id
        if self.begun:
            raise error
        if self._refuses_our_wish(error):
            body = {name: value for name, value in self.request.body.items() if name != "stream_options"}
            self.request = replace(self.request, body=body)
            return 0.0, _USAGE_UNKNOWN
        self._plan = self._plan or _Plan(self.request.max_retries)
        pause = self._plan.pause_after(error, heard=self.clocks.received)
        if not self.clocks.allows_pause(pause):
            raise error
        self.clocks.start_again()
        why = "loading" if _is_loading(error) else "retry"
        return pause, {"magistral": {"waiting": {"why": why, "seconds": pause}}}

    def _refuses_our_wish(self, error: MagistralError) -> bool:
        """Say whether a server refuses the one field that is a wish of ours, and that no reply depends on."""
        return (
            isinstance(error, BadRequestError)
            and "stream_options" in error.message
            and "stream_options" in self.request.body
        )


class _Plan:
    """Counts the tries; `tenacity` keeps the books."""

    def __init__(self, most: int) -> None:
        import tenacity

        self._most = most
        self._heard = False
        self._tenacity = tenacity.Retrying(
            stop=self._is_enough, wait=self._pause, retry=tenacity.retry_if_exception(_may_pass), reraise=True
        )
        self._backoff = tenacity.wait_exponential(FIRST_PAUSE, max=8) + tenacity.wait_random(0, FIRST_PAUSE / 2)
        self._state = tenacity.RetryCallState(self._tenacity, None, (), {})
        self._tenacity.begin()

    def pause_after(self, error: MagistralError, *, heard: bool) -> float:
        """Return how long to wait, in seconds. `heard` says that a byte had come, so the server is not just slow."""
        self._heard = heard
        self._state.set_exception((type(error), error, error.__traceback__))
        pause = self._tenacity.iter(retry_state=self._state)  # raises the error when there is to be no other try
        self._state.prepare_for_next_attempt()
        return float(pause) if isinstance(pause, float) else 0.0

    def _is_enough(self, state: object) -> bool:
        error = self._error()
        tries = self._state.attempt_number
        if self._most and _is_loading(error):
            return float(self._state.seconds_since_start or 0) > LOADING_PATIENCE
        if isinstance(error, APITimeoutError) and error.clock == "first_event":
            return self._heard or tries > min(self._most, 1)  # these waits are long: once more, if it was all silent
        return tries > self._most

    def _pause(self, state: object) -> float:
        asked = getattr(self._error(), "retry_after", None)
        return float(asked) if asked is not None else self._backoff(self._state)

    def _error(self) -> BaseException | None:
        return self._state.outcome.exception() if self._state.outcome else None


def _may_pass(error: BaseException) -> bool:
    asked = getattr(error, "retry_after", None)
    final = getattr(error, "final", False) or getattr(error, "clock", "") == "total"
    may_pass = isinstance(error, MAY_PASS) or _is_loading(error)
    return may_pass and not final and (asked is None or asked <= LONGEST_RETRY_AFTER)


def _is_loading(error: BaseException | None) -> bool:
    """Say whether a server asks for patience while it loads its model; some do so with status 200."""
    return isinstance(error, InternalServerError | ServerStreamError) and bool(_LOADING.search(error.message))


def _tells(chunk: Chunk) -> bool:
    """Say whether a chunk holds a word of the reply, or its end: from there on nothing is asked twice."""
    choices = chunk.get("choices")
    if not isinstance(choices, list) or not choices:
        return "done" in chunk.get("magistral", ())
    return any(_holds_a_word(choice) for choice in choices if isinstance(choice, dict))


def _holds_a_word(choice: dict[str, Any]) -> bool:
    said = choice.get("delta") or choice.get("message") or choice.get("text") or {}
    words = any(value for key, value in said.items() if key != "role") if isinstance(said, dict) else said
    return bool(words or choice.get("finish_reason"))
