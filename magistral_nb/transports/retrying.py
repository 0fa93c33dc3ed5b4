"""When to ask again, and how long to wait before: only for failures that may pass, and only before the first word."""

from __future__ import annotations

from magistral_nb.errors import (
    APIConnectionError,
    ConnectionLostError,
    InternalServerError,
    MagistralError,
    RateLimitError,
)

MAY_PASS = (RateLimitError, InternalServerError, APIConnectionError, ConnectionLostError)
LONGEST_RETRY_AFTER = 120.0
"""A server that asks for a longer pause gets no second request from us, in seconds."""


class Retries:
    """Counts the tries of one request. The caller does the waiting, so that it can show and cancel it."""

    def __init__(self, most: int) -> None:
        import tenacity

        self._plan = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(most + 1),
            wait=self._pause,
            retry=tenacity.retry_if_exception(_may_pass),
            reraise=True,
        )
        self._backoff = tenacity.wait_exponential(multiplier=0.5, max=8) + tenacity.wait_random(0, 0.25)
        self._state = tenacity.RetryCallState(self._plan, None, (), {})
        self._plan.begin()

    def pause_after(self, error: MagistralError) -> float:
        """Return how long to wait before the next try, in seconds; raise the error if there is to be none."""
        self._state.set_exception((type(error), error, error.__traceback__))
        pause = self._plan.iter(retry_state=self._state)  # raises the error when there is to be no other try
        self._state.prepare_for_next_attempt()
        return float(pause) if isinstance(pause, float) else 0.0

    def _pause(self, state: object) -> float:
        outcome = self._state.outcome
        error = outcome.exception() if outcome else None
        asked = getattr(error, "retry_after", None)
        return float(asked) if asked is not None else self._backoff(self._state)


def _may_pass(error: BaseException) -> bool:
    asked = getattr(error, "retry_after", None)
    final = getattr(error, "final", False)
    return isinstance(error, MAY_PASS) and not final and (asked is None or asked <= LONGEST_RETRY_AFTER)
