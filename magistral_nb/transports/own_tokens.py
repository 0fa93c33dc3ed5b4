"""A Magistral's own file, asked by token ids: its prompt is ours, and no text becomes a control token.

llama.cpp's chat door renders a string and reads control tokens wherever their words stand in it. Its plain door takes
ids: each text is tokenized by itself, control words off, and each control token is looked up by its name.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal, Protocol

from magistral_nb.errors import ConfigurationError
from magistral_nb.transports import Chunk, Request
from magistral_nb.transports.answer_grammars import PLAIN_TAGS, ThoughtTags, magistral_grammar, schema_of
from magistral_nb.transports.magistral_format import prompt_of, refuse_pictures
from magistral_nb.transports.raw_reply import ARGUMENTS, CALL, CALL_ID, CLOSING, OPENING, RawReply

_KEPT = (OPENING, CLOSING, CALL, CALL_ID, ARGUMENTS)
"""Control tokens that a reply may hold, and that llama.cpp would leave out of its text."""
_NOT_HERE = ("grammar", "json_schema")
"""What would forbid the thought at the head of every reply."""


class Tokenizer(Protocol):
    """Whoever knows the model's tokens."""

    def tokenize(self, text: str, model: str, *, controls: bool = False) -> list[Any]:
        """Return the ids of a text."""


class OwnTokens:
    """Spells requests for a Magistral by ids, and reads its replies.

    revision : the chat format that its control tokens belong to. controls : those control tokens.
    """

    def __init__(self, revision: str, controls: Collection[str]) -> None:
        self.revision = revision
        self._controls = frozenset(controls)
        self._ids: dict[str, int] = {}
        self._lock = threading.Lock()

    def request(self, request: Request, tokenizer: Tokenizer) -> tuple[Request, RawReply]:
        """Return the request by ids, and the reader of its reply.

        Raises TemplateError for a conversation that the format refuses, ConfigurationError for what cannot be asked.
        """
        body = request.body
        if refused := [name for name in _NOT_HERE if name in body]:
            raise ConfigurationError(
                f"A Magistral's own file cannot be asked with {refused[0]}: it would forbid the thinking.",
                hint="Leave it out, and say in the question what form the answer should have.",
            )
        refuse_pictures(body["messages"], endpoint="gguf")
        prompt, opened = prompt_of(body["messages"], body.get("tools"), self.revision)
        ids = self.ids(prompt.parts, str(body["model"]), tokenizer)
        kept = {name: value for name, value in body.items() if name not in ("messages", "tools", "response_format")}
        kept |= self._answer_grammar(body, tokenizer, opened=bool(opened))
        preserved = [word for word in _KEPT if word in self._controls]
        spelled = {**kept, "prompt": ids, "preserved_tokens": preserved}
        return replace(request, body=spelled, raw=True), RawReply(str(body["model"]), opened=opened)

    def ids(self, parts: Iterable[tuple[str, str]], model: str, tokenizer: Tokenizer) -> list[int]:
        """Return the ids of a prompt's parts."""
        ids: list[int] = []
        for kind, text in parts:
            ids += [self._control(text, model, tokenizer)] if kind == "control" else tokenizer.tokenize(text, model)
        return ids

    def _answer_grammar(self, body: Mapping[str, Any], tokenizer: Tokenizer, *, opened: bool) -> dict[str, str]:
        """Return what holds the answer to a schema and leaves the thought free; nothing if functions may be called."""
        schema = schema_of(body)
        if schema is None or body.get("tools"):
            return {}
        tags: ThoughtTags = PLAIN_TAGS
        if OPENING in self._controls:
            opening, closing = (self._control(word, str(body["model"]), tokenizer) for word in (OPENING, CLOSING))
            tags = (f"<[{opening}]>", f"<[{closing}]>")
        grammar = magistral_grammar(schema, tags, opened=opened)
        return {"grammar": grammar} if grammar else {}

    def chunks(self, chunk: Chunk, reply: RawReply, ended: Ended) -> list[Chunk]:
        """Return what a chunk of a completion is in the shape of a chat's. Notes of the transport pass."""
        if "done" in chunk.get("magistral", ()):
            return reply.close(ended.finish, prompt_tokens=ended.prompt_tokens)
        if "magistral" in chunk:
            return [chunk]
        ended.take(chunk)
        text = _text(chunk)
        # Each chunk is one token, so a control token comes alone; its word in plain text comes in pieces.
        return reply.feed(text, control=text in self._controls) if text else []

    def _control(self, word: str, model: str, tokenizer: Tokenizer) -> int:
        with self._lock:
            if word not in self._ids:
                ids = tokenizer.tokenize(word, model, controls=True)
                if len(ids) != 1:
                    raise ConfigurationError(
                        f"The model's vocabulary has no {word}, which this conversation needs.",
                        hint="Is it a Magistral's own file? It may be incomplete.",
                    )
                self._ids[word] = int(ids[0])
            return self._ids[word]


class Ended:
    """How a completion ends, and what was counted: both come before the end itself."""

    def __init__(self) -> None:
        self.finish: Literal["stop", "length"] = "stop"
        self.prompt_tokens = 0

    def take(self, chunk: Mapping[str, Any]) -> None:
        """Take note of what a chunk says of the end."""
        choices = chunk.get("choices") or [{}]
        if choices[0].get("finish_reason") == "length":
            self.finish = "length"
        usage = chunk.get("usage") or {}
        self.prompt_tokens = int(usage.get("prompt_tokens") or self.prompt_tokens)


def _text(chunk: Mapping[str, Any]) -> str:
    choices = chunk.get("choices") or [{}]
    return str(choices[0].get("text") or "")
