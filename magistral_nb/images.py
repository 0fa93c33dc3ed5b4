"""Pictures for a model that sees: a file, bytes or an address become a URL that fits into a message."""

from __future__ import annotations

import base64
from pathlib import Path

from magistral_nb.errors import ConfigurationError

MOST_BYTES = 20 * 1024 * 1024
"""A picture larger than this is refused: no server we know takes it."""

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)


def picture_url(picture: str | Path | bytes) -> str:
    """Return a `data:` URL for a file or for bytes; an https or data address stays as it is.

    The kind is told by the first bytes, not by the file's name. Raises ConfigurationError for a file that cannot be
    read, is too large, or is no PNG, JPEG, GIF or WebP.
    """
    if isinstance(picture, str) and picture.startswith(("https://", "http://", "data:image/")):
        return picture
    data = picture if isinstance(picture, bytes) else _read(Path(picture))
    if len(data) > MOST_BYTES:
        raise ConfigurationError(
            f"A picture has {len(data):,} bytes.", hint=f"Make it smaller: the limit is {MOST_BYTES:,}."
        )
    kind = next((kind for start, kind in _SIGNATURES if data.startswith(start)), None)
    if kind is None:
        raise ConfigurationError("A picture is of no known kind.", hint="Use PNG, JPEG, GIF or WebP.")
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _read(path: Path) -> bytes:
    try:
        return path.expanduser().read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"The picture {path} could not be read: {error.strerror}.", hint="Check the path."
        ) from error
