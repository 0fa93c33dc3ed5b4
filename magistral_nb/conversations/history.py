"""What of a conversation is sent again: its turns become messages that any server accepts.

A question that got no word is left out: nobody has answered it, and two questions in a row are refused by strict
servers. A call whose result is missing is left out too. How much thinking goes along is decided later, by the dialect.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from magistral_nb.conversations.turns import Turn
from magistral_nb.errors import ConfigurationError
from magistral_nb.messages import Message, Text, Thought
from magistral_nb.replies import Reply


def messages_of(turns: Iterable[Turn]) -> list[Message]:
    """Return what turns have said, as messages."""
    return _settled([message for turn in turns for message in _said(turn)])


def with_question(turns: Sequence[Turn], asked: Sequence[Message], begun: Reply | None = None) -> list[Message]:
    """Return what turns have said and a question after them, and the reply to it that is to go on."""
    said = [message for turn in turns for message in _said(turn)]
    return _settled([*said, *asked, *([begun_message(begun)] if begun else [])])


def check_question(asked: Sequence[Message], *, first: bool) -> None:
    """Raise ConfigurationError for messages that cannot be asked in a conversation."""
    if not asked:
        raise ConfigurationError("The question holds no message.", hint="Give text, or a list of messages.")
    if not first and any(message.role == "system" for message in asked):
        raise ConfigurationError(
            "A system message stands at the beginning of a conversation, and this one has begun.",
            hint="Say instructions='…' with the question, or begin another conversation.",
        )
    if asked[-1].role in ("assistant", "system"):
        raise ConfigurationError(
            f"The question ends with a message of the {asked[-1].role}, so there is nothing to answer.",
            hint="End it with what the user says, or with the result of a function.",
        )


def begun_message(begun: Reply) -> Message:
    """Return a reply that was cut off as the message that the model is to go on with."""
    if not begun.answer:
        return Message("assistant", (Thought(begun.thinking, closed=False),))
    return _worded(begun.to_message())


def groups_of(turns: Sequence[Turn]) -> list[tuple[Turn, ...]]:
    """Return the turns in groups that belong together: a call of a function is not parted from its results."""
    groups: list[tuple[Turn, ...]] = []
    for turn in turns:
        if groups and turn.asked[0].role == "tool":
            groups[-1] = (*groups[-1], turn)
        else:
            groups.append((turn,))
    return groups


def system_of(turns: Sequence[Turn]) -> tuple[Message, ...]:
    """Return the system messages that turns brought along."""
    return tuple(message for turn in turns for message in turn.asked if message.role == "system")


def _said(turn: Turn) -> list[Message]:
    asked = list(turn.asked)
    if turn.spoke:
        return [*asked, _worded(turn.reply.to_message())]
    while asked and asked[-1].role == "user":
        asked.pop()
    return asked


def _worded(message: Message) -> Message:
    """Return a message without empty texts beside its thinking: some servers refuse those."""
    parts = tuple(part for part in message.parts if not isinstance(part, Text) or part.text)
    return replace(message, parts=parts) if parts else message


def _settled(messages: Sequence[Message]) -> list[Message]:
    """Return the messages without calls that have no result, and with the questions around a gap made one."""
    settled: list[Message] = []
    gap = False
    for place, message in enumerate(messages):
        kept = _answered(message, messages[place + 1 :]) if message.tool_calls else message
        if kept is None:
            gap = True
        elif gap and settled and settled[-1].role == kept.role == "user":
            settled[-1] = replace(kept, parts=(*settled[-1].parts, *kept.parts))
            gap = False
        else:
            settled.append(kept)
            gap = False
    return settled


def _answered(message: Message, after: Sequence[Message]) -> Message | None:
    """Return a message with the calls that have a result, or None if nothing is left of it."""
    results = set()
    for later in after:
        if later.role != "tool":
            break
        results.add(later.tool_call_id)
    calls = tuple(call for call in message.tool_calls if call.id in results)
    kept = replace(message, tool_calls=calls)
    return kept if calls or kept.text or kept.thinking else None
