"""Small files that unpack to large ones, made without packing what is large."""

from __future__ import annotations

import gzip
import struct
import zlib

MEBIBYTE = b" " * (1024 * 1024)


def gzip_bomb(head: bytes, mebibytes: int) -> bytes:
    """Return a whole gzip file that unpacks to `head` and then blanks: one packed mebibyte, again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    first = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(MEBIBYTE) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = zlib.crc32(head)
    for _ in range(mebibytes):
        checksum = zlib.crc32(MEBIBYTE, checksum)
    size = len(head) + mebibytes * len(MEBIBYTE)
    trailer = struct.pack("<II", checksum, size & 0xFFFFFFFF)
    return gzip.compress(b"")[:10] + first + block * mebibytes + packer.flush() + trailer
