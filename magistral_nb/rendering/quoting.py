r"""Text of others within a Markdown file: quoted line by line, so that it stays what it is and can end no quote.

Markdown is kept as it is wherever that is safe: lists, code, formulas. What a viewer would obey is written so that it
is shown: HTML, pictures, addresses that lead nowhere good, and `[name]: address`, which would reach into other turns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from magistral_nb.rendering.text import plain

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

LONGEST_TEXT = 1_000_000
MOST_MARKS = 100_000
DEEPEST = 40
"""As for HTML (see `markdown`): a longer, denser or deeper text is quoted as code."""
_DEFINITION = re.compile(r"^([\s>*+.)\d-]*)\[(?=[^\[\]]*\]:)")
_RISKY_TEX = re.compile(
    r"\\(?=(?:href|url|unicode|class|cssId|style|require|includegraphics|html\w*|def|newcommand)\b)"
)
_BAD = ("html_block", "html_inline", "image")


def quoted_markdown(text: str) -> str:
    """Return a text as a Markdown quote, every line of it marked.

    >>> print(quoted_markdown("*Hi*\\n<b>"))
    > *Hi*
    > &lt;b>
    """
    return "\n".join(f"> {line}".rstrip() for line in _harmless(plain(text)).split("\n"))


def one_line(text: str) -> str:
    """Return a short text for a heading or a list: one line, with no sign that Markdown obeys."""
    return re.sub(r"([\\`*_{}\[\]()#+!<>|~&$-])", r"\\\1", " ".join(plain(text).split()))


def _harmless(text: str) -> str:
    if len(text) > LONGEST_TEXT or sum(map(text.count, "\n!$&*<[\\]_`~")) > MOST_MARKS:
        return _as_code(text)
    lines = text.split("\n")
    code = _code_lines(_parse(text)[0])
    lines = [
        line if n in code else _RISKY_TEX.sub(r"\\ ", _DEFINITION.sub(r"\1\\[", line)) for n, line in enumerate(lines)
    ]
    for _ in range(3):
        tokens, references = _parse("\n".join(lines))
        if any(token.level >= DEEPEST for token in tokens):
            break
        bad = _bad_lines(tokens)
        if not bad and not references:
            return "\n".join(lines)
        lines = [_escaped(line) if number in bad else line for number, line in enumerate(lines)]
    return _as_code(text)


def _escaped(line: str) -> str:
    return re.sub(r"(?<!\\)\[", r"\\[", line.replace("<", "&lt;"))


def _bad_lines(tokens: Iterable[Token]) -> set[int]:
    """Return the lines of the paragraphs that hold what a viewer must not obey."""
    bad: set[int] = set()
    for token in tokens:
        if token.map and (token.type in _BAD or any(_is_bad(child) for child in token.children or ())):
            bad.update(range(*token.map))
    return bad


def _is_bad(token: Token) -> bool:
    from magistral_nb.rendering.elements import link_target

    if token.type == "link_open":
        return not link_target(str(token.attrGet("href") or ""))
    return token.type in _BAD


def _code_lines(tokens: Iterable[Token]) -> set[int]:
    blocks = [token.map for token in tokens if token.type in ("fence", "code_block") and token.map]
    return {line for block in blocks for line in range(*block)}


def _as_code(text: str) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def _parse(text: str) -> tuple[list[Token], Any]:
    environment: dict[str, Any] = {}
    return _parser().parse(text, environment), environment.get("references")


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": True, "maxNesting": 3 * DEEPEST}).enable(["table", "strikethrough"])
    parser.validateLink = lambda url: True  # type: ignore[method-assign]  # a careless viewer follows any address
    return parser
