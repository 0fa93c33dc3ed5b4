"""Turns become a prompt: the template spells them in a sandbox, and the parts are found again in what it wrote.

Every text is put between two marks before the template sees it. The marks hold a number that was drawn when this
process began and is told to nobody, so no text can forge one. What stands between two marks was said by somebody and
is text, whatever it looks like; what stands outside was written by the template itself.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from magistral_nb.chat_format.formats import Format
from magistral_nb.chat_format.functions import json_text
from magistral_nb.chat_format.parts import Kind, PromptPart
from magistral_nb.chat_format.turns import NO_ID, Piece, Thinking, Turn
from magistral_nb.errors import TemplateError
from magistral_nb.messages import Image, Text
from magistral_nb.templating import template_text
from magistral_nb.tokens import estimated_tokens

if TYPE_CHECKING:
    from jinja2 import Template

Mark = Callable[[str, str], str]
"""Called with a text and whose it is; returns what the template gets instead."""

_SECRET = secrets.token_hex(16)
_BEGIN, _END = f"\x02{_SECRET}:", f":{_SECRET}\x03"


def spell(
    format_: Format, turns: Sequence[Turn], tools: Sequence[Mapping[str, Any]], *, continue_final: bool
) -> list[PromptPart]:
    """Return the parts of the prompt that these turns make; they have been put in order before."""
    added = ""
    if format_.begins_reply and continue_final:
        turns, added = turns[:-1], _after_the_beginning(turns[-1])
    written = _render(
        format_.template,
        messages=template_messages(turns, mark=marked),
        tools=list(tools),
        add_generation_prompt=format_.begins_reply,
        continue_final_message=continue_final,
    )
    return list(_parts(written + added, format_))


def template_messages(turns: Iterable[Turn], *, mark: Mark = lambda text, _: text) -> list[dict[str, Any]]:
    """Return turns as plain OpenAI-shaped dicts, which a template reads, here and in llama.cpp.

    A thought in front goes into `reasoning_content`, the one place where llama.cpp takes it; any other order of
    pieces becomes a list of parts.
    """
    return [_message(turn, mark) for turn in turns]


def marked(text: str, role: str) -> str:
    """Return a text between marks; nothing stays nothing, so that a template can see that it is empty."""
    return f"{_BEGIN}{role}\n{text}{_END}" if text else ""


def _message(turn: Turn, mark: Mark) -> dict[str, Any]:
    message: dict[str, Any] = {"role": turn.role, **_content(turn, mark)}
    if turn.calls:
        message["tool_calls"] = [
            {
                "id": "" if call.id == NO_ID else mark(call.id, turn.role),
                "type": "function",
                "function": {"name": mark(call.name, turn.role), "arguments": mark(call.arguments, turn.role)},
            }
            for call in turn.calls
        ]
    if turn.call_id is not None:
        message["tool_call_id"] = mark(turn.call_id, turn.role)
    return message


def _content(turn: Turn, mark: Mark) -> dict[str, Any]:
    match turn.pieces:
        case () | (Text(),):
            return {"content": mark(turn.text, turn.role)}
        case (Thinking(closed=True),) | (Thinking(closed=True), Text()) if turn.thinking and turn.role == "assistant":
            return {"content": mark(turn.text, turn.role), "reasoning_content": mark(turn.thinking, turn.role)}
        case _:
            return {"content": [_part(piece, turn.role, mark) for piece in turn.pieces]}


def _part(piece: Piece, role: str, mark: Mark) -> dict[str, Any]:
    if isinstance(piece, Image):
        return {"type": "image_url", "image_url": {"url": ""}}  # a template only says that there is one
    if isinstance(piece, Thinking):
        return {"type": "thinking", "thinking": mark(piece.text, role), "closed": piece.closed}
    return {"type": "text", "text": mark(piece.text, role)}


def _after_the_beginning(reply: Turn) -> str:
    """Return how a reply goes on whose beginning, an open thought, the template writes; llama.cpp does the same."""
    answer = f"\n[/THINK]\n{marked(reply.text, reply.role)}" if reply.text else ""
    return marked(reply.thinking, reply.role) + answer


def _render(name: str, **data: Any) -> str:
    from jinja2 import TemplateError as JinjaError

    try:
        return _template(name).render(data)
    except JinjaError as error:
        raise TemplateError(f"The template {name} could not be rendered: {error}.") from error


@cache
def _template(name: str) -> Template:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(autoescape=False)  # text for a model, not for a page
    # Jinja's own would sort the keys and escape for HTML; and what it writes is data, so it is marked as such.
    environment.filters["tojson"] = lambda value: marked(json_text(value), "tools")
    return environment.from_string(template_text(name))


def _parts(written: str, format_: Format) -> Iterable[PromptPart]:
    """Cut what a template wrote into control tokens and text, and say whose each of them is."""
    speaker = ""
    found = list(_joined(_found(written, format_.controls)))
    for (kind, text, role), behind in zip(found, [*found[1:], None], strict=True):
        if kind == "text":
            yield PromptPart(kind, text, role or speaker, estimated_tokens(text))
            continue
        line = behind[1].partition("\n")[0] if behind and behind[0] == "text" else ""
        speaker = format_.openers.get(text) or format_.openers.get(text + line) or speaker
        yield PromptPart(kind, text, speaker, 1)
        speaker = "assistant" if text in format_.closers else speaker


Found = tuple[Kind, str, str]
"""A kind, its text, and whose it is; "" where the template itself wrote it."""


def _found(written: str, controls: Sequence[str]) -> Iterable[Found]:
    own, *rest = written.split(_BEGIN)
    yield from _own(own, controls)
    for piece in rest:
        said, _, own = piece.partition(_END)
        role, _, text = said.partition("\n")
        yield "text", text, role
        yield from _own(own, controls)


def _own(text: str, controls: Sequence[str]) -> Iterable[Found]:
    """Cut what the template itself wrote into its control tokens and what it says between them."""
    pattern = f"({'|'.join(map(re.escape, controls))})"
    for place, piece in enumerate(re.split(pattern, text)):
        if piece:
            yield "control" if place % 2 else "text", piece, ""


def _joined(found: Iterable[Found]) -> Iterable[Found]:
    """Make one text of what the template wrote and what it wrote it around, since a tokenizer must see it whole.

    Two texts that meet stay two, as mistral-common encodes them: an unclosed thought, and what is said after it.
    """
    run: list[Found] = []
    for one in found:
        if run and not _belong_together(run[-1], one):
            yield _made_one(run)
            run = []
        run.append(one)
    if run:
        yield _made_one(run)


def _belong_together(first: Found, second: Found) -> bool:
    by_template = not first[2] or not second[2]
    return first[0] == second[0] == "text" and by_template


def _made_one(run: Sequence[Found]) -> Found:
    return run[0][0], "".join(text for _, text, _ in run), next((role for _, _, role in run if role), "")
