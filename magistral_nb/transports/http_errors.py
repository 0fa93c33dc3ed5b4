"""What went wrong on the wire, in our own words: the errors of `openai` and `httpx2`, translated."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from magistral_nb.errors import (
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConnectionLostError,
    ContextLengthError,
    InternalServerError,
    MagistralError,
    NotAnAPIError,
    NotFoundError,
    PermissionDeniedError,
    QuotaError,
    RateLimitError,
)
from magistral_nb.scrubbing import REDACTED, register, scrub
from magistral_nb.settings import Secret, Timeouts, shown_address
from magistral_nb.transports import Request
from magistral_nb.transports.clocks import Clocks
from magistral_nb.transports.connection_errors import cannot_connect
from magistral_nb.transports.secrets_in import secrets_in, without_user
from magistral_nb.transports.stream_errors import page_title, server_message

_TOO_LONG = re.compile(
    r"maximum context length|exceeds? the (available )?context size|exceed_context_size|context_length_exceeded"
    r"|longer than the model's context|prompt is too long|exceeds the maximum number of tokens"
    r"|`inputs` tokens \+ `max_new_tokens` must be|while limit is",
    re.IGNORECASE,
)
_NO_SUCH_MODEL = re.compile(r"invalid model name", re.IGNORECASE)  # LiteLLM, with status 400
_PARTS_OF_KEYS = re.compile(r"((?:Received API Key|Key Hash \(Token\))\s*=\s*)[\w.-]+")  # LiteLLM
_MOST_OF_AN_ORIGINAL = 2_000
"""How much of another package's error is shown as the cause of ours, in characters."""
_MASKED = re.compile(r"(?<![\w-])([\w-]{0,40})(?:\*{2,}|\.{3,}|…|•{2,})([\w-]{0,40})")  # bounded: bodies are long
_NO_MONEY = re.compile(
    r"budget has been exceeded|exceededbudget|budget_exceeded|insufficient_quota|exceeded your current quota"
    r"|insufficient credits|credit balance",
    re.IGNORECASE,
)


class Wire:
    """Where a request went: the words that an error needs to be useful, and the key that it must not show."""

    def __init__(
        self,
        *,
        base_url: str,
        endpoint: str,
        api_key: Secret | None,
        hint: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        shown = shown_address(base_url)
        self.base_url = without_user(base_url)[0]
        self.endpoint = endpoint or shown
        self.place = self.endpoint if self.endpoint == shown else f"{self.endpoint} ({shown})"
        self.api_key = api_key
        self.hint = hint
        secrets = secrets_in(base_url, api_key, headers or {})
        self._secrets: Callable[[], tuple[str, ...]] = lambda: (
            secrets
        )  # in a function, they are in no attribute that anything lists
        for secret in secrets:
            register(secret)

    def clean(self, error: MagistralError) -> MagistralError:
        """Take every secret out of an error of ours: servers like to repeat what they were sent."""
        error.message, error.hint = self._scrub(error.message), self._scrub(error.hint)
        error.args = (error.message,)
        error.request_id = error.request_id and self._scrub(error.request_id)
        return error

    def translate(self, error: Exception, *, streaming: bool = False, clocks: Clocks | None = None) -> MagistralError:
        """Return our error for one of the packages below us; `streaming` says that the reply had begun."""
        import httpx2
        import openai

        self._scrub_original(error)
        if isinstance(error, openai.APIStatusError):
            return self._of_status(error)
        if isinstance(error, openai.APITimeoutError | httpx2.TimeoutException):
            return self._of_timeout(error, clocks)
        if streaming:
            return ConnectionLostError(
                f"The connection to {self.endpoint} was lost in mid-reply.",
                hint="What had arrived is in .partial; ask again to get a whole reply.",
            )
        reason = self._scrub(str(error.__cause__ or error))
        return cannot_connect(error, place=self.place, base_url=self.base_url, hint=self.hint, reason=reason)

    def _of_timeout(self, error: Exception, clocks: Clocks | None) -> MagistralError:
        import httpx2

        cause = error if isinstance(error, httpx2.TimeoutException) else error.__cause__
        clocks = clocks or Clocks(Timeouts())
        if not isinstance(cause, httpx2.ConnectTimeout) or clocks.ran_out() == "total":
            return clocks.error(place=self.place, name=self.endpoint, hint=self.hint)
        limit = clocks.limits.connect
        waited = f"{limit:g} s" if limit is not None else "the time it had"
        return APITimeoutError(
            f"{self.place} did not take the connection within {waited}.",
            clock="connect",
            hint=f"{self.hint} Timeouts(connect=…) sets how long to wait.".strip(),
        )

    def _of_status(self, error: Any) -> MagistralError:
        response = error.response
        status: int = response.status_code
        words = self._words_of(response)
        facts: dict[str, Any] = {
            "request_id": request_id(response.headers),
            "endpoint": self.endpoint,
        }
        retry_after = _seconds(response.headers)
        what = f"{self.endpoint} answered {status}: {words}" + ("" if words.endswith((".", "!", "…")) else ".")
        if status == 402 or _NO_MONEY.search(f"{words} {_code_of(response)}"):
            return QuotaError(what, hint="Ask whoever gave you the key for more, or wait for the next period.", **facts)
        if status == 429:
            hint = "Wait a little, or ask fewer questions at once."
            return RateLimitError(what, retry_after=retry_after, hint=hint, **facts)
        if status in (408, 409) or status >= 500:
            hint = "Wait a little, then ask once more."
            return InternalServerError(what, retry_after=retry_after, hint=hint, **facts)
        if 300 <= status < 400:
            hint = f"Use the address it points to: {response.headers.get('location', 'none given')}"
            return NotAnAPIError(f"{self.endpoint} sends requests on to another address.", hint=hint, **facts)
        if status == 401:
            gateway = "The gateway's own key was refused by the model's server: tell the people who run it."
            hint = gateway if words.startswith("litellm.AuthenticationError") else self._key_hint()
            return AuthenticationError(what, hint=hint, **facts)
        if status == 403:
            hint = f"The key may not use this model; client.models() lists what it may. {self._key_hint()}"
            return PermissionDeniedError(what, hint=hint, **facts)
        if status in (404, 405) or _NO_SUCH_MODEL.search(words):
            return NotFoundError(what, hint=self._not_found_hint(), **facts)
        if _TOO_LONG.search(words):
            hint = "Three ways out: leave out old thinking, shorten the prompt, or lower max_tokens."
            return ContextLengthError(what, limit=_limit_in(words), hint=hint, **facts)
        return BadRequestError(what, hint=self.hint, **facts)

    def _words_of(self, response: Any) -> str:
        try:
            body = response.json()
        except (ValueError, RecursionError):
            text = response.text.strip()
            words = page_title(text, clean=self._scrub) if text.startswith("<") else text
            return self._scrub(words)[:200] or "no reason given"
        return server_message(body if isinstance(body, Mapping) else {"message": body}, clean=self._scrub)

    def _not_found_hint(self) -> str:
        address = self.base_url.rstrip("/")
        if not urlsplit(address).path:
            return f"The address has no path: try {address}/v1."
        return f"Check the model id (client.models() lists them) and the address. {self.hint}".strip()

    def _key_hint(self) -> str:
        if self.api_key is None:
            return "No key was sent: give api_key=… or set the endpoint's variable."
        return f"The key came from {self.api_key.source}; check it there."

    def _scrub_original(self, error: Any) -> None:
        """Take the secrets out of an error that will be shown as the cause of ours.

        Its frames go too: those of the packages below hold the headers that they were sending.
        """
        while error is not None:
            error.__traceback__ = None
            error.args = tuple(self._brief(part) if isinstance(part, str) else part for part in error.args)
            if hasattr(error, "body"):
                error.message = self._brief(error.message)
                error.body = json.loads(self._scrub(json.dumps(error.body)))
            error = error.__cause__ or error.__context__

    def _brief(self, text: str) -> str:
        return self._scrub(text)[:_MOST_OF_AN_ORIGINAL]

    def _scrub(self, text: str) -> str:
        for secret in self._secrets():
            text = text.replace(secret, REDACTED)
        text = _MASKED.sub(self._without_ends, scrub(text))
        return _PARTS_OF_KEYS.sub(rf"\1{REDACTED}", text)

    def _without_ends(self, masked: re.Match[str]) -> str:
        """Some servers repeat a key's first and last characters and mask the rest; those are part of the secret too."""
        first, last = masked.groups()
        told = any(
            (len(first) > 1 and secret.startswith(first)) or (len(last) > 1 and secret.endswith(last))
            for secret in self._secrets()
        )
        return REDACTED if told else masked[0]


def request_id(headers: Mapping[str, str]) -> str | None:
    """Return the server's name for a request, from the header of OpenAI's or of LiteLLM's."""
    return headers.get("x-request-id") or headers.get("x-litellm-call-id")


def name_models(error: NotFoundError, request: Request, names: list[str]) -> NotFoundError:
    """Add to an error what the server does offer, if the model that was asked for is not among it."""
    asked = str(request.body.get("model"))
    if not names or asked in names:
        return error
    close = difflib.get_close_matches(asked, names, n=3, cutoff=0.3) or names[:3]
    error.hint = f"The server has no model {asked!r}. It offers {', '.join(close)}" + (
        "." if len(names) <= len(close) else f", and {len(names) - len(close)} more: client.models() lists them."
    )
    return error


def _code_of(response: Any) -> str:
    """Return a server's own short words for an error, beside its message."""
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return ""
    told = body.get("error") if isinstance(body, Mapping) else None
    return f"{told.get('code')} {told.get('type')}" if isinstance(told, Mapping) else ""


_LIMIT = re.compile(
    r"(?:maximum context length (?:is|of)|context size \(?|context length \(?|limit is|n_ctx\D{0,4})\s*(\d[\d,]*)"
    r"|must be <= (\d[\d,]*)",
    re.IGNORECASE,
)


def _limit_in(words: str) -> int | None:
    """Return the window that the server names in its own words, in tokens."""
    found = _LIMIT.search(words)
    number = next((group for group in found.groups() if group), None) if found else None
    return int(number.replace(",", "")) if number else None


def _seconds(headers: Mapping[str, str]) -> float | None:
    """Return what the server asks us to wait, from Retry-After in seconds or as a date."""
    value = headers.get("retry-after")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (when - datetime.now(when.tzinfo)).total_seconds())
