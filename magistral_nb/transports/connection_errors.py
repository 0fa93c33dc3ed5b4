"""Why no connection came about, in plain words: nobody listens, no such host, a certificate that nobody vouches for."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from magistral_nb.errors import APIConnectionError


def cannot_connect(error: BaseException, *, place: str, base_url: str, hint: str, reason: str) -> APIConnectionError:
    """Return the error for a connection that failed; `reason` is what the packages below us said."""
    causes = list(_causes(error))
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return _bad_certificate(place, reason)
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return APIConnectionError(
            f"{place} could not be reached: no host named {urlsplit(base_url).hostname} is known here.",
            hint=f"Check base_url, your network and your VPN. {hint}".strip(),
        )
    return APIConnectionError(
        f"{place} could not be reached: {reason}.", hint=hint or "Is the server running, and is the address right?"
    )


def _bad_certificate(place: str, reason: str) -> APIConnectionError:
    error = APIConnectionError(
        f"{place} showed a certificate that this machine does not trust: {reason}.",
        hint=(
            "If a campus or company signs its own certificates, ask it for the file of its CA and give "
            "verify='/path/to/ca.pem'. Else somebody may be in between."
        ),
    )
    error.final = True
    return error


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
