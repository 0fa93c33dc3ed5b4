"""A thought told twice: in a structured field, and again as an inline block (llama-server's `deepseek-legacy`)."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from magistral_nb.dialects.tags import TagPair, certain_length, first_tag


class Verdict(Enum):
    """What a block at the head of a reply is, compared with the structured thinking."""

    OPEN = "not known yet"
    REPEAT = "the same thought again"
    TEXT = "something else: text"


class RepeatedBlock:
    """Compares the block with the thinking that structured fields have told, as both grow."""

    def __init__(self, pair: TagPair, told: Callable[[], str]) -> None:
        self._closing = (pair.closing,)
        self._told = told
        self._raw = [pair.opening]
        self._same = -1  # how much of the structured thinking the block has repeated; -1: not begun
        self._ahead = ""  # what the block says beyond it
        self._tail = ""

    def feed(self, text: str) -> tuple[Verdict, str]:
        """Read on. With a verdict comes the text that is still to be read: after the block, or the block itself."""
        self._raw.append(text)
        text = self._tail + text
        where, closing = first_tag(text, self._closing)
        end = where if closing else certain_length(text, self._closing)
        self._ahead += text[:end]
        self._tail = text[end:]
        if not self._still_same():
            return Verdict.TEXT, self.text
        if not closing:
            return Verdict.OPEN, ""
        if self._ahead.strip() or self._told()[max(self._same, 0) :].strip():
            return Verdict.TEXT, self.text
        return Verdict.REPEAT, text[where + len(closing) :]

    def close(self) -> str:
        """Return what is text after all: nothing, if a repeat was cut short."""
        return "" if self._same > 0 and not self._ahead else self.text

    @property
    def text(self) -> str:
        """The block as it came."""
        return "".join(self._raw)

    def _still_same(self) -> bool:
        told = self._told()
        if self._same < 0:
            self._ahead = self._ahead.lstrip()
            if not self._ahead:
                return True
            self._same = len(told) - len(told.lstrip())
        common = min(len(self._ahead), len(told) - self._same)
        if told[self._same : self._same + common] != self._ahead[:common]:
            return False
        self._same += common
        self._ahead = self._ahead[common:]
        return True
