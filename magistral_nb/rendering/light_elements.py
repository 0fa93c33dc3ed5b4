"""Elements in a light dress, for long replies: a notebook holds their styles once for each element.

What a notebook's own style sheet does well enough is left to it, nothing says from which side to read where all is read
from the left, and a formula has no box of its own where nothing beside it could be taken for one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from magistral_nb.rendering.elements import LOOKS, Elements
from magistral_nb.rendering.formulas import NO_FORMULA_CLASSES, delimited, formula_html

_FROM_THE_RIGHT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
"""Letters of Hebrew, Arabic and the other scripts that are read from the right."""

_APART = ("formula", "code_inline")
_LIKE_A_FORMULA = re.compile(r"[$\\]")
_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)


class LightElements(Elements):
    """What each token becomes in a long text. Needs `FORMULA_CLASSES` at an element around the result."""

    looks = LOOKS | dict.fromkeys(("td", "th", "tr"), "")
    code_looks = ("padding:8px;overflow-x:auto;border:1px solid #8884", "white-space:pre")

    def render(self, tokens: Sequence[Token], options: OptionsDict, env: EnvType) -> str:
        """Return the text, of which each block is looked at for itself."""
        shown, block, depth = "", [], 0
        for token in tokens:
            block.append(token)
            depth += token.nesting
            if depth == 0:
                env["from_the_right"] = any(_FROM_THE_RIGHT.search(text) for one in block for text in _texts(one))
                shown += super().render(block, options, env)
                block = []
        return shown

    def direction(self, side: str, env: EnvType) -> str:
        """Return the attribute that says from which side an element is read, where that is not always the left."""
        return super().direction(side, env) if env["from_the_right"] else ""

    def renderInline(  # noqa: N802  (markdown-it's name)
        self, tokens: Sequence[Token], options: OptionsDict, env: EnvType
    ) -> str:
        """Return a line of text; MathJax reads it, unless there is more in it than our formulas to find."""
        beside = "".join(token.content for token in tokens if token.type not in _APART)
        env["bare"] = not _LIKE_A_FORMULA.search(beside)
        shown = super().renderInline(tokens, options, env)
        return shown if env["bare"] else f'<span class="{NO_FORMULA_CLASSES}">{shown}</span>'

    def typeset(self, token: Token, env: EnvType) -> str:
        """Return a formula for MathJax to find; one that it might not find the end of has a box."""
        tex, opening = token.content, token.markup
        is_bare = (token.block or env["bare"]) and not env["from_the_right"] and _ends_where_it_ends(tex)
        return delimited(tex, opening=opening) if is_bare else formula_html(tex, opening=opening)


def _texts(token: Token) -> list[str]:
    return [child.content for child in token.children] if token.children else [token.content]


def _ends_where_it_ends(tex: str) -> bool:
    """Tell whether MathJax sees the end of a formula where we do: it counts braces, and stops at its delimiter."""
    depth = 0
    for sign in _BRACES.findall(tex):
        depth += {"{": 1, "}": -1}.get(sign, 0)
        if depth < 0 or sign in (r"\)", r"\]", r"\(", r"\["):
            return False
    return depth == 0 and "$" not in tex
