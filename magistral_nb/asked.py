"""What was asked, as messages: the system prompt in front, and as much of the earlier thinking as is wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from magistral_nb.chat_format import Dropped, Prompt
from magistral_nb.dialects import keep
from magistral_nb.endpoints import Endpoint
from magistral_nb.errors import ConfigurationError
from magistral_nb.messages import Message, Text, user
from magistral_nb.settings import Settings
from magistral_nb.structured import AnswerForm
from magistral_nb.templating import NEWEST_COMMON, REVISIONS, default_system, named_revision, revision_of
from magistral_nb.tokens import estimated_tokens
from magistral_nb.tools import definitions

Asked = str | Message | Sequence[Message | Mapping[str, Any]] | Prompt
"""What may be asked: text, a conversation of messages or of OpenAI-shaped dicts, or a prompt that was looked at."""


@dataclass(frozen=True, slots=True)
class Said:
    """A conversation as a model is to read it.

    revision : which Magistral it is for, or None where the model is plainly none. why_revision : who says so.
    why_system : why it has the system prompt that it has.
    added : how many messages stand in front of what was asked: 1 with a system prompt of ours, else 0.
    dropped : thinking of earlier replies that was left out; messages are counted in what was asked, from 1.
    form : what the answer must be, if not any text.
    """

    messages: list[Message]
    tools: Sequence[Mapping[str, Any]] | None
    revision: str | None
    why_revision: str
    why_system: str
    added: int = 0
    dropped: tuple[Dropped, ...] = ()
    form: AnswerForm | None = None


def read_question(asked: Asked, settings: Settings, row: Endpoint) -> Said:
    """Return what was asked as messages. Raises ConfigurationError for what is no question."""
    revision, why_revision = _revision(settings, row)
    form, tools = AnswerForm.of(settings.response_format), definitions(settings.tools)
    if isinstance(asked, Prompt):
        return replace(_as_looked_at(asked, tools), form=form)
    given = as_messages(asked)
    first, why_system = _system(given, settings, row, revision)
    messages = [*first, *given]
    kept = keep(messages, settings.keep_thinking)
    dropped = tuple(
        Dropped(n + 1 - len(first), messages[n].thinking, estimated_tokens(messages[n].thinking)) for n in kept.dropped
    )
    said = with_request(kept.messages, form.request) if form else kept.messages
    return Said(said, tools, revision, why_revision, why_system, len(first), dropped, form)


def with_request(messages: Sequence[Message], request: str) -> list[Message]:
    """Put a request of ours behind the last question, a blank line between. The system prompt stays as it is."""
    place = max((n for n, message in enumerate(messages) if message.role == "user"), default=None)
    if place is None:
        return list(messages)
    question = messages[place]
    before, last = question.parts[:-1], question.parts[-1:]
    if last and isinstance(end := last[0], Text):
        asked = Message("user", (*before, Text(f"{end.text}\n\n{request}")))
    else:
        asked = Message("user", (*question.parts, Text(request)))
    return [*messages[:place], asked, *messages[place + 1 :]]


def _as_looked_at(prompt: Prompt, given_tools: Sequence[Mapping[str, Any]] | None) -> Said:
    """A prompt is sent as it was seen: nothing is added to it and nothing left out."""
    messages = [_message(message) for message in prompt.messages]
    if messages[-1].role == "assistant" and not prompt.continue_final:
        raise ConfigurationError(
            "The prompt ends with a reply that is closed, so there is nothing to answer.",
            hint="End it with a question, or render it with continue_final=True to let the reply go on.",
        )
    tools = given_tools or list(prompt.tools) or None
    revision = prompt.revision if prompt.revision in REVISIONS else None
    return Said(messages, tools, revision, "the prompt was made for it", "the prompt is sent as it was made")


def _revision(settings: Settings, row: Endpoint) -> tuple[str | None, str]:
    if settings.revision and settings.revision not in REVISIONS:
        raise ConfigurationError(
            f"There is no revision {settings.revision!r} of Magistral Small.",
            hint=f"Use one of {', '.join(REVISIONS)}.",
        )
    if settings.revision:
        return str(settings.revision), f"revision was set ({settings.sources['revision'].source})"
    if row.revision:
        return row.revision, f"the endpoint {row.name} says so"
    model = str(settings.model or "")
    if model and not (row.system or row.base_url or row.template):  # an engine in this process has looked at it
        return None, f"the files of {model!r} are no Magistral's"
    if named := named_revision(model):
        return named, f"the model id {model!r} names it"
    if not model:
        return NEWEST_COMMON, "no model is named"
    taken = revision_of(model)
    return taken, f"the model id {model!r} " + ("does not say which Magistral it is" if taken else "is no Magistral's")


def as_messages(asked: object) -> list[Message]:
    """Return text, a message or a list of them as messages. Raises ConfigurationError for what is no question."""
    if isinstance(asked, str):
        said = [user(asked)]
    elif isinstance(asked, Message):
        said = [asked]
    elif isinstance(asked, Sequence) and not isinstance(asked, bytes):
        said = [_message(piece) for piece in asked]
    else:
        raise ConfigurationError(
            f"A question cannot be a {type(asked).__name__}.", hint="Give text, or a list of messages."
        )
    if not said:
        raise ConfigurationError("The question holds no message.", hint="Give text, or a list of messages.")
    return said


def _message(piece: object) -> Message:
    if isinstance(piece, Message):
        return piece
    if isinstance(piece, Mapping):
        return Message.from_dict(piece)
    raise ConfigurationError(
        f"A conversation holds a {type(piece).__name__} where a message was due.",
        hint="Use user('…'), assistant('…'), or dicts such as {'role': 'user', 'content': '…'}.",
    )


def _system(
    given: Sequence[Message], settings: Settings, row: Endpoint, revision: str | None
) -> tuple[list[Message], str]:
    """Return the system message to put in front, if any, and why: the default one, the user's, or none."""
    if given[0].role == "system":
        return [], "the conversation brings its own"
    if settings.system == "default":
        is_magistral = row.system and revision is not None
        message = default_system(str(revision)) if is_magistral else None
        why = f"it is {revision}'s own" if is_magistral else "this model has no default of ours"
    else:
        message = Message("system", (Text(settings.system),)) if settings.system is not None else None
        why = f"system was set ({settings.sources['system'].source})"
    if settings.instructions:
        message = _with_instructions(message, settings.instructions)
        why += f"; instructions were added ({settings.sources['instructions'].source})"
    return [message] if message else [], why


def _with_instructions(message: Message | None, instructions: str) -> Message:
    """Put instructions behind a system prompt, a blank line between, in its last text: so every server reads them."""
    parts = message.parts if message else ()
    if parts and isinstance(end := parts[-1], Text):
        return Message("system", (*parts[:-1], Text(f"{end.text}\n\n{instructions}")))
    return Message("system", (*parts, Text(instructions)))
