"""Text that is safe to print: what a terminal would obey, or a reader could not see, becomes visible."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

# A variation selector after an emoji is how emoji are written; one after another is how data is hidden.
_SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
# So it is with soft hyphens, joiners and marks of direction: languages need one at a time, and joiners not in Latin.
_MARKS = "\u00ad\u061c\u200c-\u200f"
_UNSEEN = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, ESC among them; newline and tab stay
    "\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2028\u2029\u2060-\u2064\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # no width, or a line break of their own
    "\u202a-\u202e\u2066-\u206f"  # turn the direction of the text that follows
    "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"  # half a character, or none
    "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"  # tags: a whole message can be hidden in them
    f"]|(?<=[{_SELECTORS}])[{_SELECTORS}]|(?<=[A-Za-z])[{_SELECTORS}]"
    f"|(?<=[{_MARKS}])[{_MARKS}]|(?<=[A-Za-z0-9])[\u200c\u200d](?=[A-Za-z0-9])"
)
# The flags of England, Scotland and Wales are spelled with tags, and are the only ones that should be.
_FLAGS = re.compile(
    "\U0001f3f4(?:\U000e0067\U000e0062(?:\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063"
    "\U000e0074|\U000e0077\U000e006c\U000e0073))\U000e007f"
)


def plain(text: str) -> str:
    r"""Return the text with every control, direction and tag character made visible.

    Newline and tab stay, CR LF becomes a newline, and so do the joiners that Persian and emoji need.

    >>> plain("\x1b[2Jhidden\u202e")
    '⟨U+001B⟩[2Jhidden⟨U+202E⟩'
    """
    if text.isascii() and text.isprintable():
        return text
    return _seen(text.replace("\r\n", "\n"), lambda match: f"⟨U+{ord(match[0]):04X}⟩")


def plain_json(encoded: str) -> str:
    """Do the same to JSON the way that JSON itself escapes characters, so that the text can still be read back."""
    return _seen(encoded, lambda match: re.sub("....", r"\\u\g<0>", _utf16(match[0]).hex()))


def _utf16(character: str) -> bytes:
    return character.encode("utf-16-be", "surrogatepass")


def _seen(text: str, name: Callable[[re.Match[str]], str]) -> str:
    shown, end = [], 0
    for flag in _FLAGS.finditer(text):
        shown += [_UNSEEN.sub(name, text[end : flag.start()]), flag[0]]
        end = flag.end()
    return "".join([*shown, _UNSEEN.sub(name, text[end:])])


def whole(value: Any) -> Any:
    r"""Return plain data that can be saved: without halves of a character, which JSON spells and no file can hold.

    >>> whole({"a": ["b\ud83d"]}) == {"a": ["b\ufffd"]}
    True
    """
    match value:
        case str():
            try:
                value.encode()
            except UnicodeEncodeError:
                return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case dict():
            return {whole(name): whole(one) for name, one in value.items()}
        case list() | tuple():
            return [whole(one) for one in value]
    return value
