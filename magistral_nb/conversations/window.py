"""How full the model's window is, and what is left out of a conversation that no longer fits into it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from magistral_nb.call_settings import CallSettings
from magistral_nb.client import Client
from magistral_nb.conversations.history import groups_of, system_of, with_question
from magistral_nb.conversations.turns import Turn
from magistral_nb.errors import ConfigurationError, ContextLengthError, TemplateError
from magistral_nb.events import Notice
from magistral_nb.messages import Message
from magistral_nb.replies import Reply
from magistral_nb.tokens import TokenCount, estimate_tokens

OnOverflow = Literal["error", "trim"]
POLICIES: tuple[OnOverflow, ...] = ("error", "trim")
ESTIMATE_MAY_BE_TWICE = 2
"""An estimate is cautious. Only if half of it passes the window is a question refused without asking the server."""
SHARE_OF_ANSWER = 4
"""When something is left out anyway, a quarter of the window is left free for the reply, or `max_tokens` if given."""


class Context(NamedTuple):
    """How full the window is, in tokens: what the next question would send again, and the most that fits.

    `limit` is None if nobody knows it.
    """

    used: int
    limit: int | None


class Measured(NamedTuple):
    """How many tokens messages make, whether the model's own tokenizer counted them, and the window if it is known."""

    tokens: int
    limit: int | None
    exact: bool = False


class Fitted(NamedTuple):
    """The messages to send, and the turns that were left out of them, the oldest first."""

    messages: list[Message]
    left_out: tuple[Turn, ...] = ()
    limit: int | None = None

    @property
    def notice(self) -> Notice | None:
        """What to tell the reader about the turns that were left out."""
        if not self.left_out:
            return None
        count = len(self.left_out)
        which = "the oldest turn" if count == 1 else f"the {count} oldest turns"
        questions = "; ".join(f"“{_short(turn.question)}”" for turn in self.left_out[:3] if turn.question)
        more = "; …" if count > 3 else ""
        reason = f"so that the rest fits into the {self.limit:,} tokens of the window"
        return Notice("history_trimmed", f"Not sent again: {which} ({questions}{more}), {reason}.")


def measure(client: Client, messages: Sequence[Message], settings: CallSettings) -> Measured:
    """Return how many tokens messages make, and the window. Nothing is sent."""
    try:
        prompt = client.preview(list(messages), **settings)
        return Measured(prompt.tokens.total, prompt.context, prompt.tokens.exact)
    except TemplateError:  # a model whose format is not known here
        return Measured(rough_tokens(messages), client.endpoint.context)


def rough_tokens(messages: Sequence[Message]) -> int:
    """Return a cautious estimate without a prompt."""
    return estimate_tokens(
        message.text + message.thinking + "".join(call.name + call.arguments for call in message.tool_calls)
        for message in messages
    )


def fit(
    client: Client,
    turns: Sequence[Turn],
    asked: Sequence[Message],
    *,
    begun: Reply | None,
    settings: CallSettings,
    policy: OnOverflow,
    limit: int | None,
) -> Fitted:
    """Return the messages of a question, fitted into the window as the policy says.

    Only whole turns are left out, the oldest first; a system message stays. Raises ContextLengthError if the policy
    is "error", or if the question alone is too long. `limit` is the window, or None if nobody knows it.
    """
    messages = with_question(turns, asked, begun)
    if limit is None or rough_tokens(messages) < limit // 3:  # far from full: no need to count
        return Fitted(messages)

    groups = groups_of(turns)

    def without(count: int) -> list[Message]:
        left_out, rest = _flat(groups[:count]), _flat(groups[count:])
        return [*system_of(left_out), *with_question(rest, asked, begun)]

    whole = measure(client, messages, settings)
    if policy == "error":
        if _surely_too_long(whole, limit):
            raise _too_long(whole, limit, hint=_HINT)
        return Fitted(messages)
    most = limit - _room(limit, settings)
    if whole.tokens <= most:
        return Fitted(messages)
    count = _fewest(len(groups), lambda count: measure(client, without(count), settings).tokens <= most)
    fitted = without(count)
    if _surely_too_long(alone := measure(client, fitted, settings), limit):
        raise _too_long(alone, limit, hint="The question alone is too long: shorten it, or use a larger window.")
    return Fitted(fitted, tuple(_flat(groups[:count])), limit)


def _flat(groups: Sequence[Sequence[Turn]]) -> list[Turn]:
    return [turn for group in groups for turn in group]


_HINT = (
    "Begin another conversation; or let the oldest turns be left out: Conversation(client, on_overflow='trim'). "
    "conversation.context says how full the window is."
)


def _fewest(most: int, fits: Any) -> int:
    """Return the smallest count from 1 that fits, or `most` if none does."""
    low, high = 1, most
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle + 1, high)
    return min(low, most)


def _room(limit: int, settings: CallSettings) -> int:
    return min(settings.get("max_tokens") or limit // SHARE_OF_ANSWER, limit // 2)


def _surely_too_long(found: Measured, limit: int) -> bool:
    return found.tokens >= limit * (1 if found.exact else ESTIMATE_MAY_BE_TWICE)


def _too_long(found: Measured, limit: int, *, hint: str) -> ContextLengthError:
    count = TokenCount(found.tokens, found.exact)
    return ContextLengthError(
        f"The conversation has {count}, and the model can hold {limit:,}. Nothing was sent.", limit=limit, hint=hint
    )


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= 40 else words[:39] + "…"


def check_policy(policy: str) -> None:
    """Raise ConfigurationError for a policy that does not exist."""
    if policy not in POLICIES:
        raise ConfigurationError(f"on_overflow is {policy!r}.", hint="It must be 'error' or 'trim'.")
