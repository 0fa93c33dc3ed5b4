"""One question made ready to send: settings resolved, messages spelled, limits fitted, and the reader of its reply."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from magistral_nb.dialects import Decoder, KeepThinking, keep, prefill_fields, spell_messages
from magistral_nb.endpoints import Endpoint
from magistral_nb.errors import ConfigurationError, ContextLengthError, MagistralError
from magistral_nb.events import Event, Started
from magistral_nb.messages import Message, Text, user
from magistral_nb.replies import Reply
from magistral_nb.settings import Settings, Timeouts
from magistral_nb.templating import default_system, revision_of
from magistral_nb.tokens import estimate_tokens
from magistral_nb.transports import Request

DEFAULT_MAX_TOKENS = 40_960
"""What the model card of Magistral Small recommends."""
LEAST_ROOM = 256
"""An answer gets this much room even where our estimate says that the prompt leaves less, in tokens."""

Prompt = str | Message | Sequence[Message | Mapping[str, Any]]
"""What may be asked: text, or a conversation of messages or of OpenAI-shaped dicts."""


class CallSettings(TypedDict, total=False):
    """Settings that may differ from call to call; the names are those of `Client`."""

    model: str
    revision: str
    system: str | None
    instructions: str | None
    temperature: float
    top_p: float
    max_tokens: int | None
    seed: int | None
    stop: str | list[str] | None
    tools: list[dict[str, Any]] | None
    extra_body: Mapping[str, Any] | None
    timeout: float | Timeouts | None
    max_retries: int
    keep_thinking: KeepThinking


@dataclass
class Question:
    """A request, and what turns its chunks into events and a reply."""

    request: Request
    decoder: Decoder
    reply: Reply
    started: Started
    began: float
    prompt_tokens: int
    asked_max_tokens: int | None

    def take(self, events: Sequence[Event]) -> Sequence[Event]:
        """Fold events into the reply, and pass them on."""
        for event in events:
            self.reply.add(event)
        return events

    def interrupt(self) -> None:
        """Keep what was held back, and mark the reply as stopped by its reader."""
        self.take(self.decoder.flush())
        self.reply.interrupt(seconds=time.perf_counter() - self.began)

    def fail(self, error: MagistralError) -> Sequence[Event]:
        """Give an error the facts that its raiser did not know; return the events that were held back."""
        events = self.take(self.decoder.flush())
        self.reply.seconds = time.perf_counter() - self.began
        error.endpoint = error.endpoint or self.started.endpoint
        error.model = error.model or self.started.model
        if error.partial is None and (self.reply.thinking or self.reply.answer):
            error.partial = self.reply
        return events


def make_question(
    prompt: Prompt, settings: Settings, row: Endpoint, *, reply: Reply, known_context: int | None = None
) -> Question:
    """Return the question, ready to send.

    `known_context` is the window that the server named in an error, in tokens. Raises ConfigurationError for
    settings and messages that no server could understand.
    """
    model = _model(settings, row)
    revision = settings.revision or row.revision or revision_of(model)
    has_thinking = row.system and revision is not None
    messages = keep(_messages(prompt, settings, revision if has_thinking else None), settings.keep_thinking)
    prompt_tokens = estimate_tokens(message.text + message.thinking for message in messages)
    context = known_context or row.context
    max_tokens, notices = _fit(settings.max_tokens, context, prompt_tokens)
    if row.label:
        notices.insert(0, ("demonstration", row.label))
    began = time.perf_counter()
    return Question(
        request=Request(
            body=_body(model, messages, settings, row, max_tokens, revision),
            timeouts=Timeouts.of(settings.timeout, default=row.timeouts),
            max_retries=settings.max_retries,
        ),
        decoder=Decoder(
            now=lambda: time.perf_counter() - began,
            opened_thought=row.dialect.opens_thought,
            expects_thinking=has_thinking,
            no_thinking_hint=row.dialect.no_thinking_hint,
            opening_notices=notices,
            price=row.price,
        ),
        reply=reply,
        started=Started(model, row.name),
        began=began,
        prompt_tokens=prompt_tokens,
        asked_max_tokens=settings.max_tokens,
    )


def context_to_retry_with(error: ContextLengthError, question: Question, row: Endpoint) -> int | None:
    """Return the window that the server named, if a lower `max_tokens` would fit a question into it; else None."""
    limit = getattr(error, "limit", None)
    if limit is None or row.context is not None or limit - question.prompt_tokens < LEAST_ROOM:
        return None
    return int(limit)


def _model(settings: Settings, row: Endpoint) -> str:
    if settings.model:
        return str(settings.model)
    raise ConfigurationError(
        f"No model was named for {row.name}.",
        hint=f"Give model='…'; client.models() lists what is offered there. {row.hint}".strip(),
        endpoint=row.name,
    )


def _messages(prompt: Prompt, settings: Settings, revision: str | None) -> list[Message]:
    if isinstance(prompt, str):
        said = [user(prompt)]
    elif isinstance(prompt, Message):
        said = [prompt]
    elif isinstance(prompt, Sequence) and not isinstance(prompt, bytes):
        said = [_message(piece) for piece in prompt]
    else:
        raise ConfigurationError(
            f"A question cannot be a {type(prompt).__name__}.", hint="Give text, or a list of messages."
        )
    if not said:
        raise ConfigurationError("The question holds no message.", hint="Give text, or a list of messages.")
    if said[0].role == "system":
        return said
    first = _system(settings, revision)
    return [first, *said] if first else said


def _message(piece: object) -> Message:
    if isinstance(piece, Message):
        return piece
    if isinstance(piece, Mapping):
        return Message.from_dict(piece)
    raise ConfigurationError(
        f"A conversation holds a {type(piece).__name__} where a message was due.",
        hint="Use user('…'), assistant('…'), or dicts such as {'role': 'user', 'content': '…'}.",
    )


def _system(settings: Settings, revision: str | None) -> Message | None:
    """The system message: the default one of the revision, the user's, or none; instructions are appended."""
    if settings.system == "default":
        parts = default_system(revision).parts if revision else ()
    else:
        parts = (Text(settings.system),) if settings.system is not None else ()
    if settings.instructions:
        parts = (*parts, Text(("\n\n" if parts else "") + settings.instructions))
    return Message("system", parts) if parts else None


def _fit(asked: int | None, context: int | None, prompt_tokens: int) -> tuple[int, list[tuple[str, str]]]:
    """Return how long the answer may be. Lowering our default is silent; lowering the user's own value is said."""
    wanted = asked or DEFAULT_MAX_TOKENS
    room = max(context - prompt_tokens, LEAST_ROOM) if context else wanted
    if asked is None or asked <= room:
        return min(wanted, room), []
    text = f"max_tokens was lowered from {asked:,} to {room:,}, so that prompt and answer fit into {context:,} tokens."
    return room, [("max_tokens_lowered", text)]


def _body(
    model: str, messages: Sequence[Message], settings: Settings, row: Endpoint, max_tokens: int, revision: str | None
) -> dict[str, Any]:
    """Return the request body. Sampling values are always sent: servers' own defaults differ from the model card."""
    body: dict[str, Any] = {
        "model": model,
        "messages": spell_messages(messages, row.dialect, revision=revision),
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        "max_tokens": max_tokens,
    }
    optional = {name: getattr(settings, name) for name in ("seed", "stop", "tools")}
    body.update({name: value for name, value in optional.items() if value is not None})
    prefill = prefill_fields(messages, row.dialect)
    return {**body, **prefill, **row.dialect.extra_body, **(settings.extra_body or {})}
