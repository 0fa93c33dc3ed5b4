"""How a user's own file is spelled: what of a request goes into its chat template, and what may not.

llama.cpp reads the vocabulary's control words wherever they stand in a rendered prompt. So a question that holds
`<|im_end|>` would end the user's turn: such words get a space, and are plain text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from magistral_nb.errors import ConfigurationError
from magistral_nb.transports.gguf_file import GgufFile
from magistral_nb.transports.magistral_format import format_of_controls
from magistral_nb.transports.own_tokens import OwnTokens
from magistral_nb.transports.template_check import History, Rendered, Tags, Verdict, judge, probes, render_apart

_TOKENS, _PLAIN = Tags("[THINK]", "[/THINK]"), Tags("<think>\n", "\n</think>\n")
_GET_ANOTHER = (
    "Get the model's file from elsewhere, such as from mistralai on Hugging Face: files of one model differ in their "
    "templates. A server whose template you choose (llama-server --chat-template-file) takes the file as it is."
)


@dataclass(frozen=True)
class OwnSpelling:
    """Spells requests for a file's own chat template, which llama.cpp renders.

    controls : words that must not come from people. tags : around thinking that is written into the text.
    history : how the thinking of earlier turns goes back; None if the template leaves it out.
    """

    controls: tuple[str, ...]
    tags: Tags
    history: History | None

    def body(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return a request's body with every text in it made plain, and thinking where the template reads it.

        Raises ConfigurationError for thinking of earlier turns that the template would leave out.
        """
        spelled = {**body, "messages": [self._message(message) for message in body["messages"]]}
        if body.get("tools"):
            spelled["tools"] = self._plain_data(body["tools"])
        return spelled

    def plain(self, text: str, *, role: str = "user") -> str:
        """Return a text in which no control word stands: each has a space after its first character.

        In what the model said, its thinking tags are such words too: templates cut old replies there.
        """
        words = self._own_words if role == "assistant" else self._words
        while (spaced := words.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text)) != text:
            text = spaced
        return text

    @cached_property
    def _words(self) -> re.Pattern[str]:
        return _any_of(self.controls)

    @cached_property
    def _own_words(self) -> re.Pattern[str]:
        return _any_of({*self.controls, self.tags.opening.strip(), self.tags.closing.strip()})

    def _message(self, message: Mapping[str, Any]) -> dict[str, Any]:
        role = str(message["role"])
        spelled = {name: self._plain_data(value) for name, value in message.items() if name in ("tool_call_id", "name")}
        spelled |= {"role": role, "content": self._content(message.get("content"), role)}
        if message.get("tool_calls"):
            spelled["tool_calls"] = [self._tool_call(call) for call in message["tool_calls"]]
        if thought := message.get("reasoning_content"):
            self._add_thought(spelled, self.plain(str(thought), role="assistant"))
        return spelled

    def _add_thought(self, spelled: dict[str, Any], thought: str) -> None:
        if self.history is None:
            raise ConfigurationError(
                "This file cannot be asked with thinking that is kept: its chat template leaves out the thinking of "
                "earlier turns.",
                hint=f"Say keep_thinking='none', which is the default. {_GET_ANOTHER}",
            )
        if self.history == "field":
            spelled["reasoning_content"] = thought
        else:
            spelled["content"] = self.tags.around(thought) + (spelled["content"] or "")

    def _content(self, content: Any, role: str) -> Any:
        """Return a message's content: one text wherever there is no picture, which every template reads."""
        if not isinstance(content, list):
            return self.plain(content, role=role) if isinstance(content, str) else content
        pieces: list[dict[str, Any]] = []
        raw = ""  # neighbours are joined first: a control word may be cut in two
        for part in content:
            if part.get("type") == "text":
                raw += part["text"]
                continue
            pieces += [{"type": "text", "text": self.plain(raw, role=role)}] * bool(raw)
            raw = ""
            if part.get("type") == "thinking":
                pieces.append({"type": "text", "text": self._thought(part)})
            else:
                pieces.append(dict(part))
        pieces += [{"type": "text", "text": self.plain(raw, role=role)}] * bool(raw)
        if all(piece["type"] == "text" for piece in pieces):
            return "".join(piece["text"] for piece in pieces)
        return pieces

    def _thought(self, part: Mapping[str, Any]) -> str:
        """Return a thought with its tags; one that is to be gone on with stays open."""
        thought = self.plain(str(part["thinking"]), role="assistant")
        return f"{self.tags.opening}{thought}" if part.get("closed") is False else self.tags.around(thought)

    def _tool_call(self, call: Mapping[str, Any]) -> dict[str, Any]:
        function = call.get("function") or {}
        arguments = function.get("arguments", "")
        try:  # JSON may hide a control word behind escapes, and llama.cpp reads it
            arguments = json.dumps(self._plain_data(json.loads(arguments)), ensure_ascii=False)
        except (TypeError, ValueError):
            arguments = self._plain_data(arguments)
        return {**self._plain_data(call), "function": {**self._plain_data(function), "arguments": arguments}}

    def _plain_data(self, data: Any) -> Any:
        if isinstance(data, str):
            return self.plain(data)
        if isinstance(data, Mapping):
            return {self.plain(str(key)): self._plain_data(value) for key, value in data.items()}
        if isinstance(data, list | tuple):
            return [self._plain_data(value) for value in data]
        return data


def _any_of(words: Collection[str]) -> re.Pattern[str]:
    longest_first = sorted((word for word in words if len(word) > 1), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)) or "(?!)")


def decide_spelling(model: GgufFile) -> OwnSpelling | OwnTokens:
    """Decide how a file is spelled, before it is loaded: a Magistral by our own format, others by their own template.

    This is the one place that decides it. Raises ConfigurationError that names what is wrong with a file's template.
    """
    revision = format_of_controls(model.controls)
    return OwnTokens(revision, model.controls) if revision else spelled_by_template(model)


def spelled_by_template(model: GgufFile) -> OwnSpelling:
    """Return how a file is spelled by its own template. Raises ConfigurationError that names what is wrong with it."""
    if model.template is None:
        raise ConfigurationError(
            f"{model.paths[0].name} has no chat template, so nobody knows how a conversation is spelled for it.",
            hint=_GET_ANOTHER,
        )
    tags = tags_of(model)
    return _spelling(model, tags, judge(render_apart(model.template, tags)))


def confirm_spelling(model: GgufFile, rendered: Mapping[str, Rendered]) -> OwnSpelling:
    """Decide again, by what llama.cpp itself makes of the probes, now that the file is loaded."""
    return _spelling(model, tags_of(model), judge(rendered))


def probes_of(model: GgufFile) -> dict[str, list[dict[str, Any]]]:
    """Return the conversations to ask llama.cpp's own renderer with."""
    return probes(tags_of(model))


def tags_of(model: GgufFile) -> Tags:
    """Return how a model writes its thinking: by its vocabulary, its template, or its revision."""
    template = model.template or ""
    if "[THINK]" in model.controls or "[THINK]" in template:
        return _TOKENS
    if "<think>" in model.controls or "<think>" in template or model.revision == "2506":
        return _PLAIN
    return _TOKENS


def _spelling(model: GgufFile, tags: Tags, verdict: Verdict) -> OwnSpelling:
    fault = verdict.fault
    if not fault and verdict.history is None and model.revision is not None:
        fault = "leaves out the thinking of earlier turns"
    if fault:
        raise ConfigurationError(
            f"{model.paths[0].name} cannot be used as it is: its chat template {fault}.", hint=_GET_ANOTHER
        )
    return OwnSpelling(model.controls, tags, verdict.history)
