"""A question is made ready to send: settings resolved, messages spelled, limits fitted."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

from magistral_nb.asked import Asked, Said, read_question
from magistral_nb.bills import Bill
from magistral_nb.chat_format import Prompt
from magistral_nb.chat_format.pictures import picture_tokens
from magistral_nb.clock import Clock
from magistral_nb.costs import Price
from magistral_nb.dialects import Decoder, ends_in_thought, prefill_fields, spell_messages
from magistral_nb.endpoints import Endpoint
from magistral_nb.errors import ConfigurationError, TemplateError
from magistral_nb.events import Started, Usage
from magistral_nb.journal import Note
from magistral_nb.keys.looks import notice_of_key
from magistral_nb.messages import Image
from magistral_nb.question import LEAST_ROOM, Question
from magistral_nb.repairing import FormedAnswer, corrected
from magistral_nb.replies import Reply
from magistral_nb.running_count import likely_tokens
from magistral_nb.settings import Settings, Timeouts, shown_address
from magistral_nb.structured import MisfitError
from magistral_nb.tokens import CHARACTERS, TokenCounter, estimate_tokens, local_counter
from magistral_nb.transports import Request

DEFAULT_MAX_TOKENS = 40_960
"""What the model card of Magistral Small recommends."""
LIKELY_PER_MESSAGE = 2
"""A message stands between two control tokens, such as [INST] and [/INST]."""


def make_question(
    asked: Asked, settings: Settings, row: Endpoint, *, reply: Reply, known_context: int | None = None
) -> Question:
    """Return the question, ready to send.

    `known_context` is the window that the server named in an error, in tokens. Raises ConfigurationError for
    settings and messages that no server could understand.
    """
    said = read_question(asked, settings, row)
    question = _ready(said, settings, row, reply, known_context, Clock())
    if said.form:

        def ask_again(misfit: MisfitError, spent: Usage | None) -> Question | None:
            messages = corrected(said.messages, reply.answer, misfit)
            if messages is None or said.form is None:
                return None
            again = _ready(replace(said, messages=messages), settings, row, reply, known_context, question.clock)
            again.formed = FormedAnswer(
                said.form, reply, "", ask_again, usage=spent, is_second=True, draft_stands=bool(reply.answer)
            )
            return again

        begun = said.messages[-1].text if said.messages[-1].role == "assistant" else ""
        question.formed = FormedAnswer(said.form, reply, begun, ask_again)
    return question


def _ready(
    said: Said, settings: Settings, row: Endpoint, reply: Reply, known_context: int | None, clock: Clock
) -> Question:
    model = _model(settings, row)
    counter = local_counter(settings.tokenizer) if settings.tokenizer else CHARACTERS
    prompt_tokens = _prompt_tokens(said, counter)
    context = known_context or row.context
    max_tokens, notices = _fit(settings.max_tokens, context, prompt_tokens)
    if notice := notice_of_key(_texts(said)):
        notices.insert(0, notice)
    if row.label:
        notices.insert(0, ("demonstration", row.label))
    price = _price(model, settings, row)
    continued = said.messages[-1].role == "assistant"
    return Question(
        request=Request(
            body=_body(model, said, settings, row, max_tokens),
            timeouts=Timeouts.of(settings.timeout, default=row.timeouts),
            max_retries=settings.max_retries,
        ),
        decoder=Decoder(
            now=clock,
            opened_thought=ends_in_thought(said.messages[-1]) if continued else row.dialect.opens_thought,
            expects_thinking=row.system and said.revision is not None and not continued,
            no_thinking_hint=row.dialect.no_thinking_hint,
            opening_notices=notices,
            price=price,
        ),
        bill=Bill(
            row.name,
            model,
            count_prompt=lambda: _likely_prompt_tokens(said, settings, row),
            count_text=counter.count if settings.tokenizer else likely_tokens,
            price=price,
            budget=settings.budget,
            on_disk=settings.meter,
        ),
        reply=reply,
        started=Started(model, row.name),
        row=row,
        clock=clock,
        prompt_tokens=prompt_tokens,
        asked_max_tokens=settings.max_tokens,
        known_context=row.context,
        address_from=_address_from(settings, row),
        note=Note(_last_words(said)) if settings.journal else None,
    )


def _price(model: str, settings: Settings, row: Endpoint) -> Price | None:
    """Return the user's price, or the row's, which is that of its own model: another one's is not known."""
    return Price.of(settings.price) or (row.price if row.model in (None, model) else None)


def _prompt_tokens(said: Said, counter: TokenCounter) -> int:
    """Estimate all that a prompt will hold: what is said and thought, calls, definitions of functions, and pictures."""
    return estimate_tokens(_texts(said), counter) + _picture_tokens(said)


def _likely_prompt_tokens(said: Said, settings: Settings, row: Endpoint) -> int:
    """Estimate the same without caution: a budget must not be used up before its time.

    An engine in this process writes the prompt by a template that is known here, and that may add much: the
    demonstration model's holds examples of several hundred tokens.
    """
    count = local_counter(settings.tokenizer).count if settings.tokenizer else likely_tokens
    if row.template and row.engine != "http":
        with suppress(TemplateError):  # which the engine is about to raise in its own place
            prompt = Prompt.of(
                said.messages,
                revision=row.template,
                tools=said.tools,
                continue_final=said.messages[-1].role == "assistant",
                added=said.added,
            )
            texts = sum(count(text) if kind == "text" else 1 for kind, text in prompt.parts)
            return texts + _picture_tokens(said)
    return sum(map(count, _texts(said))) + LIKELY_PER_MESSAGE * len(said.messages) + _picture_tokens(said)


def _picture_tokens(said: Said) -> int:
    pictures = [part for message in said.messages for part in message.parts if isinstance(part, Image)]
    return sum(picture_tokens(picture.url) for picture in pictures)


def _texts(said: Said) -> list[str]:
    """Return the texts that a prompt will hold."""
    texts = [
        message.text + message.thinking + "".join(call.name + call.arguments for call in message.tool_calls)
        for message in said.messages
    ]
    return [*texts, *(json.dumps(tool, ensure_ascii=False, default=str) for tool in said.tools or ())]


def _last_words(said: Said) -> str:
    return next((message.text for message in reversed(said.messages) if message.role == "user"), "")


def _address_from(settings: Settings, row: Endpoint) -> str:
    """Say where the address was set: in the environment or by the user, or in the row of an endpoint."""
    source = settings.sources["base_url"].source
    is_of_row = row.base_url and row.name != shown_address(row.base_url)
    return f"the endpoint {row.name}, {source}" if is_of_row else source if row.base_url else ""


def _model(settings: Settings, row: Endpoint) -> str:
    if settings.model:
        return str(settings.model)
    raise ConfigurationError(
        f"No model was named for {row.name}.",
        hint=f"Give model='…'; client.models() lists what is offered there. {row.hint}".strip(),
        endpoint=row.name,
    )


def _fit(asked: int | None, context: int | None, prompt_tokens: int) -> tuple[int, list[tuple[str, str]]]:
    """Return how long the answer may be. Lowering our default is silent; lowering the user's own value is said."""
    wanted = asked or DEFAULT_MAX_TOKENS
    room = max(context - prompt_tokens, LEAST_ROOM) if context else wanted
    if asked is None or asked <= room:
        return min(wanted, room), []
    text = f"max_tokens was lowered from {asked:,} to {room:,}, so that prompt and answer fit into {context:,} tokens."
    return room, [("max_tokens_lowered", text)]


def _body(model: str, said: Said, settings: Settings, row: Endpoint, max_tokens: int) -> dict[str, Any]:
    """Return the request body. Sampling values are always sent: servers' own defaults differ from the model card."""
    body: dict[str, Any] = {
        "model": model,
        "messages": spell_messages(said.messages, row.dialect, revision=said.revision),
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        "max_tokens": max_tokens,
    }
    optional = {name: getattr(settings, name) for name in ("seed", "stop")} | {"tools": said.tools}
    if said.form and row.json_schema and not said.tools:  # a server that keeps to a schema could call no function
        optional["response_format"] = said.form.wire
    body.update({name: value for name, value in optional.items() if value is not None})
    prefill = prefill_fields(said.messages, row.dialect)
    return {**body, **prefill, **row.dialect.extra_body, **(settings.extra_body or {})}
