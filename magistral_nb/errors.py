"""What can go wrong, and what to tell the user.

    MagistralError
    ├ ConfigurationError ─ MissingKeyError, UnknownEndpointError, TemplateError
    ├ BadRequestError ──── ContextLengthError
    ├ AuthenticationError, PermissionDeniedError, NotFoundError
    ├ RateLimitError, QuotaError, InternalServerError
    ├ APIConnectionError ─ APITimeoutError
    ├ NotAnAPIError, ProtocolError, TooLargeError
    ├ StreamError ──────── ConnectionLostError, StreamStalledError, ServerStreamError
    ├ BudgetExceededError
    └ CassetteMissError

Names follow OpenAI's where it has the thing. They are not its subclasses, since importing `openai` takes half a
second; the original error is the `__cause__`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from magistral_nb.scrubbing import scrub

if TYPE_CHECKING:
    from magistral_nb.replies import Reply


class MagistralError(Exception):
    """Any failure of this package. It says what happened and what to do next, and keeps what had arrived.

    Attributes
    ----------
    message : what happened, in a sentence or two.
    hint : what to do next; may be empty.
    endpoint, model : where the question went, as far as it was known.
    partial : the reply so far, or None if the failure came before the first event.
    request_id : the server's own name for the request, for its operators.
    final : asking again is known to be of no use.

    >>> try:
    ...     client.chat("Is 91 prime?")
    ... except MagistralError as error:
    ...     print(error.hint, error.partial and error.partial.thinking)
    """

    final: bool = False

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        endpoint: str | None = None,
        model: str | None = None,
        partial: Reply | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(scrub(message))
        self.message = scrub(message)
        self.hint = scrub(hint)
        self.endpoint = endpoint
        self.model = model
        self.partial = partial
        self.request_id = request_id

    def __str__(self) -> str:
        return scrub(f"{self.message} {self.hint}".strip())

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.__dict__.copy()))


def _rebuild(kind: type[MagistralError], message: str, state: dict[str, object]) -> MagistralError:
    error = kind.__new__(kind, message)
    error.args = (message,)
    error.__dict__.update(state)
    return error


class ConfigurationError(MagistralError):
    """Something is missing or wrong in how the client was set up; nothing was sent."""


class MissingKeyError(ConfigurationError):
    """The endpoint needs an API key, and none was found where it was looked for."""


class UnknownEndpointError(ConfigurationError):
    """No endpoint has that name."""


class TemplateError(ConfigurationError):
    """A template could not be rendered, or the chat format refuses the conversation."""


class BadRequestError(MagistralError):
    """The server understood the request and refused it (400, 413, 422)."""


class ContextLengthError(BadRequestError):
    """Prompt and answer do not fit the model's window; `limit` is its size in tokens, where the server named it."""

    def __init__(self, message: str, *, limit: int | None = None, **facts: object) -> None:
        super().__init__(message, **facts)  # type: ignore[arg-type]  # passed through as given
        self.limit = limit


class AuthenticationError(MagistralError):
    """The server did not accept the key (401)."""


class PermissionDeniedError(MagistralError):
    """The key is valid but may not do this (403)."""


class NotFoundError(MagistralError):
    """No such model or no such address (404)."""


class RateLimitError(MagistralError):
    """Too many requests (429). `retry_after` is what the server asked for, in seconds, or None."""

    def __init__(self, message: str, *, retry_after: float | None = None, **facts: object) -> None:
        super().__init__(message, **facts)  # type: ignore[arg-type]  # passed through as given
        self.retry_after = retry_after


class QuotaError(MagistralError):
    """The quota or budget of the key is used up. It is never retried."""


class InternalServerError(MagistralError):
    """The server failed (408, 409, 5xx). `retry_after` is as in RateLimitError."""

    def __init__(self, message: str, *, retry_after: float | None = None, **facts: object) -> None:
        super().__init__(message, **facts)  # type: ignore[arg-type]  # passed through as given
        self.retry_after = retry_after


class APIConnectionError(MagistralError):
    """The server could not be reached."""


class APITimeoutError(APIConnectionError):
    """The server took too long. `clock` names the limit that ran out: connect, first_event or total."""

    def __init__(self, message: str, *, clock: str = "first_event", **facts: object) -> None:
        super().__init__(message, **facts)  # type: ignore[arg-type]  # passed through as given
        self.clock = clock


class NotAnAPIError(MagistralError):
    """A web page answered where an API was expected."""


class ProtocolError(MagistralError):
    """What came makes no sense: a stream in which no chunk ever held a choice, or what does not keep to its schema.

    That is an answer that does not fit its `response_format`, with the whole text in `partial`, or a call whose
    arguments its function does not take.
    """


class TooLargeError(MagistralError):
    """One of our own limits on size was passed."""


class StreamError(MagistralError):
    """The reply began and did not end well. `partial` holds what had arrived."""


class ConnectionLostError(StreamError):
    """The stream ended with neither a finish reason nor `[DONE]`."""


class StreamStalledError(StreamError):
    """The stream fell silent for longer than `Timeouts.between_events`."""


class ServerStreamError(StreamError):
    """The server reported an error inside the stream."""


class BudgetExceededError(MagistralError):
    """A question would pass its `Budget`, and was not sent.

    `spent` and `limit` are in `unit`: USD ("usd"), or tokens ("tokens", "reasoning_tokens"). A reply that reaches the
    budget while it streams is no error: its `finish_reason` is "budget".
    """

    def __init__(
        self, message: str, *, spent: float = 0, limit: float = 0, unit: str = "tokens", **facts: object
    ) -> None:
        super().__init__(message, **facts)  # type: ignore[arg-type]  # passed through as given
        self.spent = spent
        self.limit = limit
        self.unit = unit


class CassetteMissError(MagistralError):
    """A cassette holds no reply to the question, and nobody was asked.

    `nearest` is the recorded question that is most like it, or None if the cassette is empty.
    """

    def __init__(self, message: str, *, nearest: str | None = None, **facts: object) -> None:
        super().__init__(message, **facts)  # type: ignore[arg-type]  # passed through as given
        self.nearest = nearest
