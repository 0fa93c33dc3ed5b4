"""Text that is safe to print: what a terminal would obey, or a reader could not see, becomes visible."""

from __future__ import annotations

import re

# A variation selector after an emoji is how emoji are written; one after another is how data is hidden.
_SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
_UNSEEN = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, ESC among them; newline and tab stay
    "\u180e\u200b\u2028\u2029\u2060-\u2064\ufeff\ufff9-\ufffb"  # no width, or a line break of their own
    "\u202a-\u202e\u2066-\u206f"  # turn the direction of the text that follows
    "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"  # half a character, or none
    "\U000e0000-\U000e007f"  # tags: a whole message can be hidden in them
    f"]|(?<=[{_SELECTORS}])[{_SELECTORS}]"
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
    text = text.replace("\r\n", "\n")
    shown, end = [], 0
    for flag in _FLAGS.finditer(text):
        shown += [_UNSEEN.sub(_name, text[end : flag.start()]), flag[0]]
        end = flag.end()
    return "".join([*shown, _UNSEEN.sub(_name, text[end:])])


def _name(match: re.Match[str]) -> str:
    return f"⟨U+{ord(match[0]):04X}⟩"
