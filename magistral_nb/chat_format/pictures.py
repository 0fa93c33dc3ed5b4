"""Pictures in a prompt: what counts as one, and how many tokens it takes (it is cut into tiles, and each is one)."""

from __future__ import annotations

import base64
import binascii
import struct
from math import ceil

TILE = 28
"""A token stands for 28 by 28 pixels: patches of 14, merged two by two, in Mistral Small 3.1 and its descendants."""
LONGEST_SIDE = 1540
"""A larger picture is made smaller first, in pixels."""
MOST_TOKENS = ceil(LONGEST_SIDE / TILE) * (ceil(LONGEST_SIDE / TILE) + 1)
_HEADER = 262_144
"""Base64 characters that are decoded to find a size; a photograph's own notes may come before it."""
_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"GIF8", b"RIFF", b"\xff\xd8\xff")


def is_picture(url: str) -> bool:
    """Tell whether a URL is an address on the web, or holds a PNG, GIF, WebP or JPEG file; nothing is fetched."""
    return url.startswith(("https://", "http://")) or _first_bytes(url).startswith(_SIGNATURES)


def picture_tokens(url: str) -> int:
    """Return how many tokens a picture takes: one a tile, and one at the end of every row of tiles.

    A picture that must be fetched first, or whose size cannot be read, counts as the largest: 3,080 tokens.

    >>> picture_tokens("https://example.org/cat.png")
    3080
    """
    size = _size(_first_bytes(url))
    if size is None or min(size) < 1:
        return MOST_TOKENS
    shrink = max(1.0, max(size) / LONGEST_SIDE)
    columns, rows = (ceil(max(1, round(side / shrink)) / TILE) for side in size)
    return rows * (columns + 1)


def _first_bytes(url: str) -> bytes:
    _, comma, encoded = url.partition(",")
    if not url.startswith("data:") or not comma:
        return b""
    try:
        return base64.b64decode(encoded[:_HEADER])
    except (binascii.Error, ValueError):
        return b""


def _size(data: bytes) -> tuple[int, int] | None:
    """Return width and height, in pixels, as the header of a PNG, GIF, WebP or JPEG file tells them."""
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            width, height = struct.unpack_from(">II", data, 16)
        elif data.startswith(b"GIF8"):
            width, height = struct.unpack_from("<HH", data, 6)
        elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            width, height = _webp_size(data)
        elif data.startswith(b"\xff\xd8"):
            width, height = _jpeg_size(data)
        else:
            return None
    except struct.error:  # the header ends too early
        return None
    return width, height


def _webp_size(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def _jpeg_size(data: bytes) -> tuple[int, int]:
    place = 2
    while True:
        marker, length = struct.unpack_from(">HH", data, place)
        is_frame = 0xFFC0 <= marker <= 0xFFCF and marker not in (0xFFC4, 0xFFC8, 0xFFCC)
        if is_frame:
            height, width = struct.unpack_from(">HH", data, place + 5)
            return width, height
        place += 2 + length
