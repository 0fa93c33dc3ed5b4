r"""Formulas in Markdown: which dollar sign is a price, and what may be typeset.

Rules for markdown-it: `\(…\)`, `$…$`, `\[…\]`, `$$…$$` and bare `\begin{align}`, so that emphasis, lists and table
cells leave a formula alone. Dollars follow pandoc's rule (no space inside, no digit after) and a few of prose's own.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_core import StateCore
    from markdown_it.rules_inline import StateInline

LONGEST_FORMULA = 2_000
"""In characters: a longer formula is shown as code. MathJax needs up to 0.3 ms for one."""

DEEPEST_FORMULA = 50
"""Groups in each other: at 900 MathJax stops the whole page for minutes, at 50 it needs nothing worth mentioning."""

FORMULA_CLASSES = "tex2jax_process mathjax_process"
NO_FORMULA_CLASSES = "tex2jax_ignore mathjax_ignore"
"""What MathJax finds and what it leaves alone: nbconvert's knows the first of each, JupyterLab's the second."""

_ENVIRONMENT = r"\\begin\{(?:align|alignat|eqnarray|equation|flalign|gather|multline)\*?\}"
_OPENING = re.compile(r"\\[(\[]|(?<!\$)\$\$?(?!\$)")
_BLOCK_OPENING = re.compile(rf"\\\[|\$\$(?!\$)|{_ENVIRONMENT}")
_CLOSING = {"$": "$", "$$": "$$", r"\(": r"\)", r"\[": r"\]"}
# What may stand between an opening and its closing. Each stops at the next opening of its own kind, so that text full
# of openings costs no more than one pass, and at a backtick, which in a model's text begins code.
_INSIDE = {
    "$": re.compile(r"(?:[^\\`$]++|\\.)++(?=\$(?!\$))", re.DOTALL),
    "$$": re.compile(r"(?:[^\\`$]++|\\.|\$(?!\$))++(?=\$\$(?!\$))", re.DOTALL),
    r"\(": re.compile(r"(?:[^\\`]++|\\(?![()]).)++(?=\\\))", re.DOTALL),
    r"\[": re.compile(r"(?:[^\\`]++|\\(?![\[\]]).)++(?=\\\])", re.DOTALL),
}
_PUNCTUATION = re.compile(r"[.,;](?=\s|$)")
_WORDS_IN_TEX = re.compile(r"\\(?:text\w*|mathrm|operatorname\*?)\s*\{[^{}]*\}|\\[A-Za-z]+")
_PROSE = re.compile(r"\s[A-Za-z]{2,}(?![A-Za-z])")
_ENDING_OF_A_WORD = re.compile(r"[a-z]{1,2}(?![A-Za-z])")  # as in "the $n$th"
_SOMETHING = re.compile(r"[^\s,.;:'\"/\u2013\u2014-]")  # more than punctuation, as in "$, $"
_CODE_OR_OPENING = re.compile(r"(?<!`)(`++)[^`]*+\1(?!`)|\\.|\$+")
_STAND_IN = "\ufdd0"  # never in a text here: `plain` has made it visible

_REFUSED = re.compile(
    r"\\(?:href|url|includegraphics|html[A-Z]\w*|cssId|class|style|bbox"  # lead out of the formula
    r"|require|def|[gex]def|let|futurelet|(?:re)?new(?:command|environment|tagform)|providecommand"
    r"|Declare\w+|Newextarrow|definecolor|mathtoolsset"  # change the formulas that come after it, in any cell
    r"|mmlToken|toggle|mathtip|texttip|action|unicode"  # react to the mouse, or show what the source does not
    r"|[Rr]ule|Space|raise(?:box)?|lower|move(?:left|right)"  # draw over the rest of the page
    r"|smash|(?:math)?[rlc]lap)(?![A-Za-z])"
    r"|(?:\\(?:hspace|hskip|kern|mkern|mskip|mspace)\*?\s*\{?|\\\\\s*\[)\s*-?\s*"
    r"(?:\d{3}|\d{2}[\d.]*\s*(?:em|ex|cm|in|pc))"  # … as do long distances
    r"|\*\s*\{\s*\d{3}"  # an array of hundreds of columns
)
_GROUPS = re.compile(r"[{}]|\\(?:begin|end|left|right)(?![A-Za-z])|\\.", re.DOTALL)
_LABEL = re.compile(r"\\label\s*\{[^{}]*\}")


class _Formula(NamedTuple):
    opening: str
    tex: str
    end: int


def formula_html(tex: str, *, opening: str) -> str:
    r"""Return the formula for MathJax to find.

    >>> formula_html("a<b", opening="$")
    '<span class="tex2jax_process mathjax_process" dir="ltr">\\(a&lt;b\\)</span>'
    """
    display = ' style="display:block;overflow-x:auto;overflow-y:hidden;padding:2px 0"' if is_display(opening) else ""
    return f'<span class="{FORMULA_CLASSES}" dir="ltr"{display}>{delimited(tex, opening=opening)}</span>'


def may_be_typeset(tex: str) -> bool:
    """Tell whether a formula can be left to MathJax; one that cannot is shown as code."""
    return len(tex) <= LONGEST_FORMULA and not _REFUSED.search(tex) and _depth(tex) <= DEEPEST_FORMULA


def delimited(tex: str, *, opening: str) -> str:
    """Return the source that MathJax finds, as HTML."""
    left, right = (r"\[", r"\]") if is_display(opening) else (r"\(", r"\)")
    return escape(left + _LABEL.sub("", tex) + right)  # a label would become an id of the page


def _depth(tex: str) -> int:
    depth = deepest = 0
    for sign in _GROUPS.findall(tex):
        depth += {"{": 1, "\\begin": 1, "\\left": 1, "}": -1, "\\end": -1, "\\right": -1}.get(sign, 0)
        deepest = max(deepest, depth)
    return deepest


def source(tex: str, *, opening: str) -> str:
    """Return the formula as it was written."""
    return opening + tex + _CLOSING[opening] if opening in _CLOSING else tex


def add_formulas(parser: MarkdownIt) -> None:
    """Teach a parser formulas: tokens of type `formula`, where `markup` is the opening delimiter."""
    parser.inline.ruler.before("escape", "formula", _inline)
    parser.block.ruler.before("table", "formula", _block, {"alt": ["paragraph", "reference", "blockquote", "list"]})
    parser.core.ruler.before("block", "hide_pipes", _hide_pipes)
    parser.core.ruler.after("block", "show_pipes", _show_pipes)


def is_display(opening: str) -> bool:
    """Tell whether a formula that opens so stands on a line of its own."""
    return opening not in ("$", r"\(")


def _formula_at(text: str, start: int, end: int) -> _Formula | None:
    opening = _OPENING.match(text, start, end)
    inside = opening and _INSIDE[opening[0]].match(text, opening.end(), end)
    if not opening or not inside or not _SOMETHING.search(inside[0]):
        return None
    if opening[0] == "$" and not _means_formula(text, start, inside):
        return None
    return _with_punctuation(opening[0], inside[0], text, inside.end() + len(opening[0]), end)


def _with_punctuation(opening: str, tex: str, text: str, after: int, end: int) -> _Formula:
    """Take the full stop after a display formula into it: alone on the next line it would look lost."""
    mark = _PUNCTUATION.match(text, after, end) if is_display(opening) else None
    return _Formula(opening, tex + mark[0] if mark else tex, mark.end() if mark else after)


def _means_formula(text: str, start: int, inside: re.Match[str]) -> bool:
    """Tell `$x$` from prices and shell variables: `$5 and $6`, `US$5/$10`, `$HOME/$USER`, `5 to $6, or x$`."""
    tex, before, after = inside[0], text[start - 1 : start], text[inside.end() + 1 : inside.end() + 2]
    if tex[0].isspace() or tex[-1].isspace() or after.isdigit() or after == "{":
        return False
    if (before.isascii() and before.isalnum()) or (after == "(" and tex[0] == "("):
        return False
    if after.isascii() and after.isalpha():
        word = _ENDING_OF_A_WORD.match(text, inside.end() + 1)
        return bool(word) and (tex[-1].isalnum() or tex[-1] in "})]")
    return not (tex[0].isdigit() and _PROSE.search(_WORDS_IN_TEX.sub("", tex)))


def _inline(state: StateInline, silent: bool) -> bool:
    formula = _formula_at(state.src, state.pos, state.posMax)
    if formula is None:
        return False
    if not silent:
        token = state.push("formula", "span", 0)
        token.markup, token.content = formula.opening, formula.tex
    state.pos = formula.end
    return True


def _block(state: StateBlock, first: int, end: int, silent: bool) -> bool:
    """Read a formula that begins a line, so that its lines are not taken for lists or headings."""
    start = state.bMarks[first] + state.tShift[first]
    opening = _BLOCK_OPENING.match(state.src, start, state.eMarks[first])
    if not opening or state.is_code_block(first):
        return False
    lines = _lines_to_closing(state, first, end, opening[0])
    text = "\n".join(lines)
    formula = _whole(opening[0], text)
    rest = text[formula.end :].lstrip() if formula else ""
    if formula is None or (rest and len(lines) == 1):
        return False
    if not silent:
        token = state.push("formula", "div", 0)
        token.block, token.map = True, [first, first + len(lines)]
        token.markup, token.content = formula.opening, formula.tex
        state.line = first + len(lines)
        if rest:
            _go_on_with(state, state.line - 1, rest)
    return True


def _lines_to_closing(state: StateBlock, first: int, end: int, opening: str) -> list[str]:
    """Return the lines up to the one that closes, without quote marks and indents; [] if none closes."""
    closing = _CLOSING.get(opening) or opening.replace("begin", "end")
    lines: list[str] = []
    for line in range(first, end):
        text = state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]
        inside = text if lines else text[len(opening) :]
        if lines and not _belongs(state, line, text, lines, opening):
            return []
        lines.append(text)
        if closing in inside:
            return lines
        if opening in inside or "`" in inside:
            return []
    return []


def _belongs(state: StateBlock, line: int, text: str, lines: list[str], opening: str) -> bool:
    """Tell whether a line can be part of the formula that the earlier lines began."""
    if not text:  # `$$` is also how a price range is written, so only one that stands alone may hold blank lines
        return opening[0] == "\\" or lines[0].strip() == opening
    return state.sCount[line] >= (0 if lines[-1] else state.blkIndent)


def _whole(opening: str, text: str) -> _Formula | None:
    if opening not in _CLOSING:
        closing = opening.replace("begin", "end")
        end = text.find(closing) + len(closing)
        return _with_punctuation(opening, text[:end], text, end, len(text)) if text else None
    inside = _INSIDE[opening].match(text, len(opening))
    if not inside or not _SOMETHING.search(inside[0]):
        return None
    return _with_punctuation(opening, inside[0], text, inside.end() + len(opening), len(text))


def _go_on_with(state: StateBlock, line: int, rest: str) -> None:
    """Let the parser read the rest of the closing line as if it were a line."""
    state.line, state.bMarks[line] = line, state.eMarks[line] - len(rest)
    state.tShift[line], state.sCount[line] = 0, state.blkIndent


def _hide_pipes(state: StateCore) -> None:
    """Hide the bars inside formulas, because a table is cut at its bars before formulas are read."""
    lines = state.src.split("\n")
    state.src = "\n".join(_without_pipes(line) if "|" in line else line for line in lines)


def _without_pipes(line: str) -> str:
    pieces, done = [], 0
    while found := _CODE_OR_OPENING.search(line, done):
        formula = _formula_at(line, found.start(), len(line))
        end = formula.end if formula else found.end()
        piece = line[found.start() : end]
        if formula:
            piece = re.sub(r"(?<!\\)\|", _STAND_IN, piece)  # `\|` is how Markdown itself spells a bar in a cell
        pieces += [line[done : found.start()], piece]
        done = end
    return "".join([*pieces, line[done:]])


def _show_pipes(state: StateCore) -> None:
    for token in state.tokens:
        token.content, token.info = (part.replace(_STAND_IN, "|") for part in (token.content, token.info))
