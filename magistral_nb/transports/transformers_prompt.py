"""A request's messages become token ids: in our own chat format for a Magistral, by the model's own template else.

Either way, no text that somebody wrote becomes a control token.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from magistral_nb.errors import ConfigurationError, TemplateError
from magistral_nb.transports.magistral_format import format_of_controls, prompt_of, refuse_pictures
from magistral_nb.transports.raw_reply import CLOSING, OPENING
from magistral_nb.transports.template_check import Rendered, Tags, judge, probes
from magistral_nb.transports.transformers_vocabulary import Vocabulary

_OPENINGS = ("<think>", OPENING)
_TAIL = 12


@dataclass(frozen=True, slots=True)
class TokenPrompt:
    """What a model is given. `opened` is the tag of a thought that it ends in; `notices` are codes and texts."""

    ids: list[int]
    opened: str = ""
    notices: tuple[tuple[str, str], ...] = ()


def make_prompt(vocabulary: Vocabulary, body: Mapping[str, Any]) -> TokenPrompt:
    """Return the prompt of a request. Raises ConfigurationError for what the model or its format has no place for."""
    messages: Sequence[Mapping[str, Any]] = body["messages"]
    refuse_pictures(messages, endpoint="transformers")
    revision = magistral_revision(vocabulary)
    if revision:
        return _in_our_format(vocabulary, messages, body.get("tools"), revision)
    if vocabulary.is_mistral_common:
        return _by_mistral_common(vocabulary, messages, body)
    return _by_its_template(vocabulary, messages, body)


def magistral_revision(vocabulary: Vocabulary) -> str | None:
    """Return which of our chat formats a model was trained on, or None; its control tokens say so, whatever its name.

    2509 shares its format with 2507.
    """
    return format_of_controls(vocabulary.controls)


def _in_our_format(
    vocabulary: Vocabulary, messages: Sequence[Mapping[str, Any]], tools: Any, revision: str
) -> TokenPrompt:
    prompt, opened = prompt_of(messages, tools, revision)
    ids: list[int] = []
    for kind, text in prompt.parts:
        ids += [vocabulary.control(text)] if kind == "control" else vocabulary.ids(text)
    return TokenPrompt(ids, opened)


def _by_mistral_common(
    vocabulary: Vocabulary, messages: Sequence[Mapping[str, Any]], body: Mapping[str, Any]
) -> TokenPrompt:
    """Return the prompt of another model of Mistral's, spelled by their own package."""
    options = {"tools": body.get("tools"), **(body.get("chat_template_kwargs") or {})}
    try:
        made = vocabulary.tokenizer.apply_chat_template(
            [dict(message) for message in messages], continue_final_message=_is_reply(messages[-1]), **options
        )
    except Exception as error:  # its own errors share no base of their own
        raise TemplateError(f"mistral-common refuses this conversation: {error}") from error
    return TokenPrompt([int(token) for token in made["input_ids"]])


def _by_its_template(
    vocabulary: Vocabulary, messages: Sequence[Mapping[str, Any]], body: Mapping[str, Any]
) -> TokenPrompt:
    template = _template(vocabulary, body.get("tools"))
    _check(vocabulary)
    continued = _is_reply(messages[-1])
    plain, notices = _plain_messages(messages, template)
    try:
        made = vocabulary.tokenizer.apply_chat_template(
            plain,
            **(body.get("chat_template_kwargs") or {}),
            tools=body.get("tools"),
            add_generation_prompt=not continued,
            continue_final_message=continued,
            sanitize_control_tokens=True,  # what somebody wrote stays text, whatever it looks like
            return_dict=True,
        )
    except Exception as error:  # a template is a program, and may fail in any way
        raise TemplateError(
            f"The model's own chat template refuses this conversation: {error}",
            hint="Some know no system message: give system=None. Some want questions and replies to take turns.",
        ) from error
    ids = [int(token) for token in made["input_ids"]]
    tail = vocabulary.text(ids[-_TAIL:]).rstrip()
    opened = next((tag for tag in _OPENINGS if tail.endswith(tag) and not continued), "")
    return TokenPrompt(ids, opened, tuple(notices))


def _check(vocabulary: Vocabulary) -> None:
    """Raise ConfigurationError for a template that loses words of a conversation; it is looked at once.

    One that refuses a conversation loses nothing: it says so by itself, when it is asked.
    """
    if vocabulary.template_fault is None:
        tags = Tags(OPENING, CLOSING) if OPENING in vocabulary.controls else Tags("<think>\n", "\n</think>\n")
        rendered = {name: _rendered(vocabulary, said) for name, said in probes(tags).items()}
        refuses = rendered["turns"].text is None or rendered["field"].text is None
        vocabulary.template_fault = "" if refuses else judge(rendered).fault
    if vocabulary.template_fault:
        raise ConfigurationError(
            f"The model cannot be used as it is: its chat template {vocabulary.template_fault}.",
            hint="Get it from elsewhere, such as from its makers: copies of one model differ in their templates.",
        )


def _rendered(vocabulary: Vocabulary, messages: Sequence[Mapping[str, Any]]) -> Rendered:
    try:
        made = vocabulary.tokenizer.apply_chat_template(
            [dict(message) for message in messages], tokenize=False, add_generation_prompt=True
        )
    except Exception as error:  # a template is a program, and may fail in any way
        return Rendered(None, str(error))
    return Rendered(str(made))


def _template(vocabulary: Vocabulary, tools: Any) -> str:
    """Return the text of the model's own template, which must have a place for what is asked."""
    try:
        template = str(vocabulary.tokenizer.get_chat_template(tools=tools))
    except ValueError as error:
        raise ConfigurationError(
            "The model has no chat template, so nobody knows how it wants to be spoken to.",
            hint="It may be a base model, which only continues texts: look for its instruct or chat version.",
        ) from error
    if tools and "tools" not in template:
        raise ConfigurationError("The model's chat template has no place for tools.", hint="Leave tools out.")
    for name in _names(tools or ()):
        if any(control in name for control in vocabulary.controls):
            raise ConfigurationError(f"A name in the tools holds a control token of the model: {name[:80]!r}.")
    return template


def _plain_messages(
    messages: Sequence[Mapping[str, Any]], template: str
) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """Return the messages with text as content, which every template reads, and what had to be left out."""
    plain = [{**message, "content": _text(message.get("content"))} for message in messages]
    notices = []
    for message in plain:
        if message.get("tool_calls"):
            message["tool_calls"] = [_with_parsed_arguments(call) for call in message["tool_calls"]]
        if "reasoning_content" in message and "reasoning_content" not in template:
            del message["reasoning_content"]
            notices = [("thinking_left_out", "The model's template has no place for the thinking of earlier replies.")]
    return plain, notices


def _text(content: Any) -> str:
    if isinstance(content, str) or content is None:
        return content or ""
    return "".join(_part_text(part) for part in content)


def _part_text(part: Mapping[str, Any]) -> str:
    if part.get("type") == "thinking":
        thinking = part["thinking"]
        inner = thinking if isinstance(thinking, str) else "".join(str(piece.get("text", "")) for piece in thinking)
        return f"{OPENING}{inner}" + CLOSING * (part.get("closed") is not False)
    return str(part.get("text", ""))


def _with_parsed_arguments(call: Mapping[str, Any]) -> dict[str, Any]:
    """Return a call as templates for `transformers` expect it: with its arguments as data, if they are JSON."""
    function = dict(call["function"])
    with suppress(TypeError, ValueError):
        function["arguments"] = json.loads(function["arguments"])
    return {**call, "function": function}


def _is_reply(message: Mapping[str, Any]) -> bool:
    return message.get("role") == "assistant"


def _names(data: Any) -> list[str]:
    """Return the keys of JSON data at any depth: a template writes them, and nothing marks them as text."""
    if isinstance(data, Mapping):
        return [*map(str, data), *(name for value in data.values() for name in _names(value))]
    if isinstance(data, list | tuple):
        return [name for value in data for name in _names(value)]
    return []
