"""The final picture of a reply in each of the formats that `-f` offers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from magistral_nb.chat_format import Prompt
from magistral_nb.rendering.code_blocks import code_blocks
from magistral_nb.rendering.prompt import prompt_html, prompt_text
from magistral_nb.rendering.reply import REPLY_MIME, reply_html, reply_text
from magistral_nb.rendering.text import plain, plain_json
from magistral_nb.replies import Reply
from magistral_nb.scrubbing import scrub, scrub_page

Bundle = dict[str, Any]


def picture(reply: Reply, *, form: str | None, show_thinking: bool) -> Bundle:
    """Return the MIME bundle that shows a reply; `form` is one of `FORMS`, or None for all that a front end may like.

    Model text is in text/markdown only when the user asks for it: a front end runs what stands in there.
    """
    data = reply.to_dict() if show_thinking else reply.to_dict() | {"thinking": "", "thinking_seconds": None}
    text = reply_text(data, show_thinking=show_thinking)
    if form is not None:
        return _scrubbed(_FORMS[form](data, text))
    html = reply_html(data, show_thinking=show_thinking)
    return _scrubbed({REPLY_MIME: data, "text/html": html, "text/plain": text})


def _scrubbed(bundle: Bundle) -> Bundle:
    """Take secrets out once more: drawing may put together what stood apart in Markdown."""
    scrubbers = {"text/html": scrub_page}
    return {
        kind: scrubbers.get(kind, scrub)(content) if isinstance(content, str) else content
        for kind, content in bundle.items()
    }


def prompt_picture(prompt: Prompt, *, form: str) -> Bundle:
    """Return the MIME bundle that shows a prompt in one of `FORMS`; what has no form of its own is shown as text."""
    data, text = prompt.to_dict(), {"text/plain": prompt_text(prompt.to_dict())}
    if form == "json":
        return _json(data, "")
    return _scrubbed({"text/html": prompt_html(data), **text} if form == "html" else text)


def _markdown(data: Mapping[str, Any], text: str) -> Bundle:
    thinking = "".join(f"> {line}\n" for line in data["thinking"].splitlines())
    return {"text/markdown": f"{thinking}\n{data['answer']}".strip(), "text/plain": text}


def _code(data: Mapping[str, Any], text: str) -> Bundle:
    blocks = code_blocks(data["answer"])
    return {"text/plain": plain("\n\n".join(blocks)) if blocks else "The answer holds no code block."}


def _json(data: Mapping[str, Any], text: str) -> Bundle:
    return {"application/json": data, "text/plain": plain_json(json.dumps(data, indent=2, ensure_ascii=False))}


_FORMS: Mapping[str, Callable[[Mapping[str, Any], str], Bundle]] = {
    "md": _markdown,
    "text": lambda data, text: {"text/plain": text},
    "code": _code,
    "json": _json,
    "html": lambda data, text: {"text/html": reply_html(data), "text/plain": text},
}
FORMS = tuple(_FORMS)
