"""What a model would see of a question: the prompt under glass. Nothing is sent, and no key is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from magistral_nb.asked import Asked, Said, read_question
from magistral_nb.chat_format import Prompt
from magistral_nb.dialects import spell_messages
from magistral_nb.endpoints import Endpoint
from magistral_nb.errors import TemplateError
from magistral_nb.keys.looks import holds_key
from magistral_nb.messages import Message
from magistral_nb.settings import Settings
from magistral_nb.tokens import TokenCounter
from magistral_nb.transports import Transport


def preview(asked: Asked, settings: Settings, row: Endpoint, counter: TokenCounter) -> Prompt:
    """Return the prompt that a question makes at an endpoint, counted, with the reasons why it is as it is.

    Raises TemplateError for a conversation that the format refuses, and for a model whose format is not known here;
    ConfigurationError for what could not be sent to this endpoint.
    """
    said = read_question(asked, settings, row)
    revision = asked.revision if isinstance(asked, Prompt) else row.template or said.revision
    if revision is None:
        raise _unknown_format(settings, row)
    sent = spell_messages(said.messages, row.dialect, revision=revision)
    prompt = Prompt.of(
        said.messages,
        revision=revision,
        tools=said.tools,
        continue_final=said.messages[-1].role == "assistant",
        added=said.added,
    )
    keys = ["The prompt holds a key, or what looks like one. It would be sent as it is."] if _holds_key(said) else []
    notices = [*prompt.notices, *keys, *_notices(said, sent, row)]
    prompt = replace(prompt, context=row.context, dropped=said.dropped, why=_why(said, row), notices=tuple(notices))
    return _with_overflow(prompt.counted(counter))


def own_counter(transport: Transport, model: str) -> TokenCounter:
    """Return what counts by asking the model: the server, or the engine in this process."""
    by = "counted by the model's own tokenizer"
    return TokenCounter(lambda text: transport.count_tokens(text, model), by, exact=True)


def _unknown_format(settings: Settings, row: Endpoint) -> TemplateError:
    return TemplateError(
        f"{settings.model} is no Magistral, and its chat format is not known here.",
        hint="client.preview(…, revision='2509') shows it as a Magistral would see it (or 2506, 2507).",
        endpoint=row.name,
        model=settings.model,
    )


def _why(said: Said, row: Endpoint) -> str:
    reason = f"it is the format of {row.name}'s model" if row.template else said.why_revision
    by_server = f" {row.name} writes the prompt itself; this is what the right template makes of the messages."
    why = f"Why this format: {reason}. Why this system prompt: {said.why_system}."
    return why + by_server if row.base_url else why


def _holds_key(said: Said) -> bool:
    return holds_key(message.text + message.thinking for message in said.messages)


def _notices(said: Said, sent: Sequence[Mapping[str, Any]], row: Endpoint) -> list[str]:
    """Say where a server may make something else of the messages. Where there is none, we write the prompt."""
    in_text = map(_has_thought_as_text, said.messages, sent)
    if not row.base_url or not any(in_text):
        return []
    return [
        f"To {row.name} a thought goes as text between tags, since it may read no thinking part: whether it takes "
        "the tags for control tokens is up to it."
    ]


def _has_thought_as_text(message: Message, spelled: Mapping[str, Any]) -> bool:
    content = spelled["content"]
    if not message.thinking or {"reasoning", "reasoning_content"} & spelled.keys():
        return False
    return isinstance(content, str) or not any(part.get("type") == "thinking" for part in content)


def _with_overflow(prompt: Prompt) -> Prompt:
    total = prompt.tokens.total
    if prompt.context is None or total < prompt.context:
        return prompt
    notice = f"The prompt alone has {prompt.tokens}, and the model can hold {prompt.context:,}: it would be refused."
    return replace(prompt, notices=(*prompt.notices, notice))
