"""Which HTML each Markdown element becomes. Loads markdown-it: `markdown` imports this on first use."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline, image
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from magistral_nb.rendering.formulas import add_formulas, formula_html, may_be_typeset, source

MOST_TYPESET = 25_000
"""How much of one text is typeset: the characters of its formulas, and 25 for each. The rest are code. MathJax needs
about a millisecond for a small formula, and stops the page meanwhile."""

# Only what JupyterLab's sanitizer lets through: no var(), and alpha greys that read on black and on white.
# In hexadecimal and without what a cell has anyway: a notebook holds these once for each element.
_LINE = "1px solid #8885"
_CELL = "padding:5px 14px 5px 0;"
LOOKS = {
    "blockquote": "margin:8px 0;padding:0 0 0 12px;border-left:3px solid #8885",
    "h1": "font-size:1.35em;font-weight:600;margin:20px 0 8px",
    "h2": "font-size:1.25em;font-weight:600;margin:18px 0 8px",
    "h3": "font-size:1.15em;font-weight:600;margin:16px 0 6px",
    "h4": "font-size:1.05em;font-weight:600;margin:14px 0 6px",
    "h5": "font-size:1em;font-weight:600;margin:12px 0 4px",
    "h6": "font-size:1em;font-weight:600;margin:12px 0 4px",
    "hr": f"border:0;border-top:{_LINE};margin:16px 0",
    "p": "",
    "li": "",
    "table": "border-collapse:collapse;margin:10px 0;font-size:0.95em",
    "td": _CELL,
    "th": _CELL,
    "tr": f"border-bottom:{_LINE};background:none",
}
_READ_FROM_EITHER_SIDE = {"blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "li", "p", "td", "th"}
_CODE_BOX = (
    "margin:8px 0;padding:10px 12px;overflow-x:auto;white-space:pre;"
    "border:1px solid #8884;border-radius:4px;background-color:#8881"
)
_WEB = re.compile(r"https?://(?P<host>(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?)(?=[/?#]|$)", re.IGNORECASE)
_MAIL = re.compile(r"mailto:(?P<host>[^@\s?#]+@[a-z0-9.-]+)(?=[?]|$)", re.IGNORECASE)


def parser(*, deepest_nesting: int, most_tokens: int, elements: type[Elements] | None = None) -> MarkdownIt:
    """Return a CommonMark parser with tables, strikethrough and formulas, and without HTML.

    It raises OverflowError, early, at a text that would become more than `most_tokens` blocks.
    """

    def count_tokens(state: StateBlock, first: int, end: int, silent: bool) -> bool:
        if len(state.tokens) > most_tokens:
            raise OverflowError(f"more than {most_tokens:,} pieces")
        return False

    options = {"html": False, "xhtmlOut": False, "maxNesting": deepest_nesting}
    made = _Parser("commonmark", options, renderer_cls=elements or Elements).enable(["table", "strikethrough"])
    add_formulas(made)
    made.block.ruler.before("formula", "count_tokens", count_tokens)
    made.inline.ruler.at("image", _image_outside_of_images)
    return made


def link_target(url: str) -> str:
    """Return what a reader should know of a link: its host, or its mail address; "" if it may not be followed.

    Addresses with a name before the host (`https://bank.example@evil.example`) are refused.
    """
    match = _WEB.match(url) or _MAIL.match(url)
    return unquote(match["host"]) if match else ""


def _image_outside_of_images(state: StateInline, silent: bool) -> bool:
    """Read an image, whose description is only text: one within another would be read again by each around it."""
    if state.env.get("in_image"):
        return False
    state.env["in_image"] = True
    try:
        return image(state, silent)
    finally:
        state.env["in_image"] = False


class _Parser(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802  (markdown-it's name)
        """Refuse, and so show as text, what leads anywhere but to the web or to a mailbox."""
        return bool(link_target(url))


class Elements(RendererHTML):
    """What each token becomes."""

    looks: Mapping[str, str] = LOOKS
    code_looks = (_CODE_BOX, "white-space:pre;padding:0;background-color:transparent")
    """Of the box of a code block, and of the code in it."""

    def direction(self, side: str, env: EnvType) -> str:
        """Return the attribute that says from which side an element is read."""
        return f' dir="{side}"'

    def renderToken(  # noqa: N802  (markdown-it's name)
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        token = tokens[idx]
        if token.tag in self.looks and token.nesting >= 0:
            style = self.looks[token.tag] + str(token.attrGet("style") or "")
            if token.tag in ("td", "th") and "text-align" not in style:
                style += "text-align:left"
            token.attrs = {key: value for key, value in token.attrs.items() if key == "start"}
            if token.tag in _READ_FROM_EITHER_SIDE and self.direction("auto", env):
                token.attrs["dir"] = "auto"
            if style:
                token.attrs["style"] = style
        return super().renderToken(tokens, idx, options, env)

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        box = '<div style="overflow-x:auto">'
        return box + self.renderToken(tokens, idx, options, env)

    def table_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return self.renderToken(tokens, idx, options, env) + "</div>\n"

    def formula(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        token = tokens[idx]
        env["typeset"] = env.get("typeset", 0) + 25 + len(token.content)
        is_code = env["typeset"] > MOST_TYPESET or not may_be_typeset(token.content)
        shown = self.code(source(token.content, opening=token.markup), env) if is_code else self.typeset(token, env)
        return f"<div>{shown}</div>\n" if token.block else shown

    def typeset(self, token: Token, env: EnvType) -> str:
        """Return a formula for MathJax to find."""
        return formula_html(token.content, opening=token.markup)

    def code_inline(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return self.code(tokens[idx].content, env)

    def code(self, text: str, env: EnvType) -> str:
        """Return code within a line."""
        return f"<code{self.direction('ltr', env)}>{escape(text)}</code>"

    def code_block(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return self._code_box(tokens[idx].content, "", env)

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return self._code_box(tokens[idx].content, (tokens[idx].info.split() or [""])[0], env)

    def _code_box(self, code: str, language: str, env: EnvType) -> str:
        language = re.sub(r"[^A-Za-z0-9_+-]", "", language)
        name = f' class="language-{language}"' if language else ""
        box, inside = (f' style="{look}"' if look else "" for look in self.code_looks)
        side = self.direction("ltr", env)
        return f"<pre{side}{box}><code{name}{side}{inside}>{escape(code)}</code></pre>\n"

    def link_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        url = str(tokens[idx].attrGet("href") or "")
        shown, end = "", idx + 1
        while tokens[end].type != "link_close":
            tokens[end].meta["in_link"] = True
            shown += tokens[end].content
            end += 1
        if not link_target(url):  # [words]() leads nowhere, and markdown-it makes a link of it all the same
            return ""
        tokens[end].meta["beside"] = "" if _says(shown, url) else link_target(url)
        return _link(url)

    def link_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        if "beside" not in tokens[idx].meta:
            return ""
        beside = tokens[idx].meta["beside"]
        return "</a>" + (f' <small dir="ltr">({escape(beside)})</small>' if beside else "")

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        token = tokens[idx]
        url = str(token.attrGet("src") or "")
        words = escape(f"[image: {token.content.strip() or 'no description'} — {link_target(url)}]")
        if token.meta.get("in_link") or not _WEB.match(url):
            return words
        return f"{_link(url)}{words}</a>"


def _link(url: str) -> str:
    return f'<a href="{escape(url)}" rel="noopener noreferrer nofollow" target="_blank">'


def _says(shown: str, url: str) -> bool:
    """Tell whether a link's text is just where it leads, in full or as the bare host."""
    words = shown.strip().rstrip("/")
    return bool(words) and words in (url.rstrip("/"), link_target(url), url.partition("://")[2].rstrip("/"))
