"""How many tokens a picture takes: mistral-common counts, with the tiles of Mistral Small 3.1, and so do we."""

from __future__ import annotations

import base64
import io
import struct

import pytest
from mistral_common.tokens.tokenizers.image import ImageConfig, ImageEncoder, SpecialImageIDs
from PIL import Image

from magistral_nb.chat_format.pictures import MOST_TOKENS, is_picture, picture_tokens

JUDGE = ImageEncoder(ImageConfig(14, 1540, 2), SpecialImageIDs(img=10, img_break=12, img_end=13))
SIZES = [(1, 1), (28, 28), (29, 28), (640, 480), (1540, 1540), (1541, 3), (3000, 1000), (20, 4000)]
KINDS = [("PNG", {}), ("GIF", {}), ("JPEG", {}), ("WEBP", {}), ("WEBP", {"lossless": True}), ("WEBP", {"exif": b"x"})]


def url(data: bytes) -> str:
    return f"data:image/any;base64,{base64.b64encode(data).decode()}"


def encoded(picture: Image.Image, kind: str, options: dict[str, object]) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_a_picture_takes_as_many_tokens_as_mistral_common_says(
    kind: str, options: dict[str, object], size: tuple[int, int]
) -> None:
    picture = Image.new("RGB", size)
    columns, rows = JUDGE._image_to_num_tokens(picture)
    assert picture_tokens(url(encoded(picture, kind, options))) == rows * (columns + 1)


def test_a_photograph_has_long_notes_before_its_size() -> None:
    exif = encoded(Image.new("RGB", (56, 28)), "JPEG", {"comment": b"x" * 60_000})
    assert picture_tokens(url(exif)) == 3


@pytest.mark.parametrize(
    "address",
    [
        "https://x.org/a.png",
        url(b"\x89PNG\r\n\x1a\n"),
        url(b"\xff\xd8\xff"),
        url(b"RIFF0000WEBPVP8 "),
        url(b"GIF89a\0\0\0\0"),
    ],
)
def test_a_size_that_cannot_be_read_counts_as_the_largest(address: str) -> None:
    assert picture_tokens(address) == MOST_TOKENS == 3080
    assert is_picture(address)


@pytest.mark.parametrize(
    "address", ["", "file:///etc/passwd", "data:image/png;base64,?", url(b"hello"), "ftp://x/a.png"]
)
def test_what_is_no_picture(address: str) -> None:
    assert not is_picture(address)


@pytest.mark.parametrize("marker", [0xC4, 0xC8, 0xCC])
def test_tables_of_a_jpeg_are_no_frames(marker: int) -> None:
    """Markers within the range of frames that are none: Huffman tables, extensions, arithmetic coding."""
    table = struct.pack(">BBH", 0xFF, marker, 2 + 5) + b"\x08" + struct.pack(">HH", 9_999, 9_999)
    frame = struct.pack(">BBH", 0xFF, 0xC0, 2 + 5) + b"\x08" + struct.pack(">HH", 28, 56)
    photograph = url(b"\xff\xd8" + table + frame)
    assert picture_tokens(photograph) == 1 * (2 + 1)
