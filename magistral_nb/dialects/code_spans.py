"""Whether a place in a Markdown text is code. A tag quoted in code is text, never the end of a thought."""

from __future__ import annotations

import copy
import re
from typing import Literal

_TOKENS = re.compile(r"\n|[ \t]+|`+|~+|[^\n `~\t]+")
_STARTS_A_BLOCK = re.compile(r"[-*+]|\d{1,9}[.)]|#{1,6}")
_LIST_ITEM = re.compile(r"[-*+]|\d{1,9}[.)]")


class CodeTracker:
    """Reads Markdown once, in pieces, and knows whether the place where it stands is code.

    A code span that is still open is a guess: only its closing backticks, or the end of its paragraph, will tell.
    `first_span_end` says how the first span ended after `look_ahead`, or None while nobody knows.
    """

    def __init__(self) -> None:
        self.span = ""  # the backticks of the span that may be open here
        self.first_span_end: Literal["closed", "broken"] | None = None
        self._is_scout = False
        self._unsettled = ""
        self._fence = ""
        self._on_opening_fence = self._on_closing_fence = False
        self._at_line_start = self._after_blank = True
        self._indent = 0
        self._in_list = self._in_indented = False

    @property
    def in_block(self) -> bool:
        """True within a fenced or an indented code block, which is certain at once."""
        if self._fence:
            return True
        return self._indents_code() if self._at_line_start else self._in_indented

    def look_ahead(self) -> CodeTracker:
        """Return a tracker at the same place, to see how the open span ends. It reads no further than that."""
        scout = copy.copy(self)
        scout.first_span_end = None
        scout._is_scout = True
        return scout

    def feed(self, text: str) -> None:
        """Read on. A last token that may go on, such as a run of backticks, waits for more text or for `settle`."""
        text = self._unsettled + text
        self._unsettled = ""
        for match in _TOKENS.finditer(text):
            if self._is_scout and self.first_span_end:
                return
            token = match.group()
            if match.end() == len(text) and self._may_go_on(token):
                self._unsettled = token
                return
            if token == "\n":
                self._end_line()
            elif token[0] not in " \t":
                self._read_word(token)
            elif self._at_line_start:
                self._indent += len(token.expandtabs(4))

    def settle(self) -> None:
        """Count the last token as whole: something else follows."""
        last, self._unsettled = self._unsettled, ""
        if last:
            self._read_word(last)

    def _may_go_on(self, token: str) -> bool:
        starts_line = self._at_line_start and token[0] not in "\n \t" and len(token) < 12
        return token[0] in "`~" or starts_line

    def _indents_code(self) -> bool:
        return self._indent >= 4 and not self._in_list and (self._after_blank or self._in_indented)

    def _read_word(self, token: str) -> None:
        if self._at_line_start:
            self._start_line(token)
        elif self._on_opening_fence and token[0] == self._fence[0] == "`":
            # Backticks cannot stand in a fence's first line: it was a code span.
            self.span, self._fence, self._on_opening_fence = self._fence, "", False
            self._read_backticks(token)
        elif self._fence:
            self._on_closing_fence = False  # a closing fence has its line to itself
        elif token[0] == "`" and not self._in_indented:
            self._read_backticks(token)

    def _read_backticks(self, run: str) -> None:
        if not self.span:
            self.span = run
        elif run == self.span:
            self._end_span("closed")

    def _start_line(self, token: str) -> None:
        self._at_line_start = False
        if self._fence:
            closes = token[0] == self._fence[0] and len(token) >= len(self._fence)
            self._on_closing_fence = closes and self._indent < 4
            return
        self._in_indented = self._indents_code()
        if self._indent < 2:
            self._in_list = bool(_LIST_ITEM.fullmatch(token))
        if self.span and _STARTS_A_BLOCK.fullmatch(token):
            self._end_span("broken")
        if self._in_indented:
            return
        if token[0] in "`~" and len(token) >= 3:
            if token == self.span:  # models open a block at the end of a line; to CommonMark this would open another
                self._end_span("closed")
                return
            if self.span:
                self._end_span("broken")
            self._fence, self._on_opening_fence = token, True
        elif token[0] == "`":
            self._read_backticks(token)

    def _end_line(self) -> None:
        if self._on_closing_fence:
            self._fence = ""
        if self._at_line_start and self.span:
            self._end_span("broken")
        self._after_blank = self._at_line_start
        self._at_line_start = True
        self._on_opening_fence = self._on_closing_fence = False
        self._indent = 0

    def _end_span(self, how: Literal["closed", "broken"]) -> None:
        self.span = ""
        self.first_span_end = self.first_span_end or how
