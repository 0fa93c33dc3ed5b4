"""How much is read of a body that is no stream: the words of an error, a list of models. The rest stays unread.

`httpx2` and `openai` read such a body to its end, unpacked, however long it is and however slowly it comes: 200 MB of
an error, in 200 kB of gzip. So it is read here first, before they see it, and they get what was kept.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from magistral_nb.errors import NotAnAPIError, ProtocolError, TooLargeError
from magistral_nb.scrubbing import scrub
from magistral_nb.settings import Timeouts
from magistral_nb.transports.clocks import Clocks, running
from magistral_nb.transports.stream_errors import page_title

if TYPE_CHECKING:
    import httpx2

MEGABYTE: Final = 1024 * 1024
MOST_ERROR_BYTES: Final = MEGABYTE
"""What is read of the body of an error, unpacked."""
MOST_DOCUMENT_BYTES: Final = 8 * MEGABYTE
"""How long a list of models, or an answer about tokens, may be, unpacked."""
ERROR_PATIENCE: Final = 10.0
"""How long the words of an error may take, once its status is known, in seconds."""
DOCUMENT_PATIENCE: Final = 60.0
"""How long a list of models, or an answer about tokens, may take from the question to its last byte, in seconds."""


def cap(response: httpx2.Response) -> None:
    """Read a body that is no stream, up to its limit, and put what was kept in its place: a hook for `httpx2`."""
    limit = _limit(response)
    if limit is None:
        return
    body, same = bytearray(), _same(response)
    try:
        with _patience(response):
            for piece in same.iter_bytes():
                body += piece
                if len(body) > limit:
                    break
    finally:
        same.close()  # unless the body has ended, this closes the connection
    _replace(response, bytes(body[: limit + 1]))


async def acap(response: httpx2.Response) -> None:
    """Do the same on the running event loop."""
    limit = _limit(response)
    if limit is None:
        return
    body, same = bytearray(), _same(response)
    try:
        with _patience(response):
            async for piece in same.aiter_bytes():
                body += piece
                if len(body) > limit:
                    break
    finally:
        await same.aclose()
    _replace(response, bytes(body[: limit + 1]))


def document(response: httpx2.Response, *, what: str) -> Any:
    """Return the JSON of a body that is no stream. `what` names it for the errors: "list of models".

    Raises TooLargeError, NotAnAPIError for a web page, and ProtocolError for what is no JSON.
    """
    if len(response.content) > MOST_DOCUMENT_BYTES:
        raise TooLargeError(
            f"The server sent more than {MOST_DOCUMENT_BYTES // MEGABYTE} MiB as its {what}, which is our limit.",
            hint="Check what answers at this address.",
        )
    text = response.content.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if text.startswith("<"):
        raise NotAnAPIError(
            f"A web page answered where a {what} was expected: {page_title(text)}.",
            hint="Check the address (it often ends in /v1), your VPN, and whether you must sign in first.",
        )
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ProtocolError(
            f"The server sent a {what} that is not JSON: {scrub(text[:2_000])[:100]!r}.",
            hint="Check the address: it often ends in /v1.",
        ) from None


def document_clocks() -> Clocks:
    """Return clocks for a question whose answer is a document; nobody can set them."""
    limits = Timeouts(first_event=DOCUMENT_PATIENCE, between_events=DOCUMENT_PATIENCE, total=DOCUMENT_PATIENCE)
    return Clocks(limits, settable=False)


def _is_error(response: httpx2.Response) -> bool:
    return response.status_code >= 300


def _limit(response: httpx2.Response) -> int | None:
    """Return how many bytes of a body to keep at most; None for a stream, whose reader has limits of its own."""
    if _is_error(response):
        return MOST_ERROR_BYTES
    return None if response.request.url.path.endswith("/completions") else MOST_DOCUMENT_BYTES


def _same(response: httpx2.Response) -> httpx2.Response:
    """Return the same response once more, for reading: the one that is given on must look unread."""
    import httpx2

    return httpx2.Response(response.status_code, headers=response.headers, stream=response.stream)


def _replace(response: httpx2.Response, body: bytes) -> None:
    import httpx2

    response.stream = httpx2.ByteStream(body)
    response.headers.pop("content-encoding", None)


@contextmanager
def _patience(response: httpx2.Response) -> Generator[None, None, None]:
    """Let the words of an error come late, in pieces or not at all: what happened is known without them."""
    import httpx2

    if not _is_error(response):
        yield
        return
    outer = running.get()
    left = outer.left() if outer else None
    total = ERROR_PATIENCE if left is None else max(0.0, min(left, ERROR_PATIENCE))
    with suppress(httpx2.HTTPError), Clocks(Timeouts(first_event=None, between_events=None, total=total)):
        yield
