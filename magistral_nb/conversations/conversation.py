"""A conversation over any client: it remembers what was said, and every verb of the client works on it."""

from __future__ import annotations

from typing import Unpack

from magistral_nb.asked import Asked
from magistral_nb.call_settings import CallSettings
from magistral_nb.chat_format import Prompt
from magistral_nb.client import Client
from magistral_nb.conversations.asking import Attempt
from magistral_nb.conversations.history import with_question
from magistral_nb.conversations.joining import total
from magistral_nb.conversations.keeping import Keeping
from magistral_nb.conversations.tree import Tree
from magistral_nb.conversations.turns import Turn
from magistral_nb.conversations.window import Context, Fitted, OnOverflow, check_policy, fit, measure
from magistral_nb.dialects import KeepThinking
from magistral_nb.errors import ConfigurationError
from magistral_nb.events import Usage
from magistral_nb.messages import Message, user
from magistral_nb.replies import Reply
from magistral_nb.streams import AsyncReplyStream, ReplyStream
from magistral_nb.tokens import TokenCount


class Conversation(Keeping):
    """Asks a client, and sends along what was said before.

    Parameters
    ----------
    client : where the questions go; it keeps its own settings.
    keep_thinking : whether the thinking of earlier turns is sent again: "none", "last" or "all". Left out, the
        client's own setting holds.
    on_overflow : what happens when the conversation no longer fits into the model's window: "error" says so, "trim"
        leaves out the oldest turns, and a notice of the reply says which.

    `turns` are what has been said. `edit`, `regenerate`, `undo` and `fork` make branches; none is ever lost (see
    `branches`, `siblings` and `switch`). A turn that was stopped or failed stays, and its `state` says so.

    >>> talk = Conversation(Client("demo"))
    >>> print(talk.chat("Why is the sky blue?"))
    >>> print(talk.chat("And at night?"))
    """

    def __init__(
        self,
        client: Client,
        *,
        keep_thinking: KeepThinking | None = None,
        on_overflow: OnOverflow = "error",
        tree: Tree | None = None,
    ) -> None:
        super().__init__(client, keep_thinking=keep_thinking, on_overflow=on_overflow, tree=tree)
        check_policy(on_overflow)
        if keep_thinking not in (None, "none", "last", "all"):
            raise ConfigurationError(f"keep_thinking is {keep_thinking!r}.", hint="It must be 'none', 'last' or 'all'.")
        self._known_limit: int | None = None

    def chat(self, prompt: Asked, **settings: Unpack[CallSettings]) -> Reply:
        """Ask, and return the whole reply. Raises MagistralError; what had arrived stays as a turn."""
        return self._whole(self.stream(prompt, **settings))

    def stream(self, prompt: Asked, **settings: Unpack[CallSettings]) -> ReplyStream:
        """Ask, and return the events as they arrive. The request is sent at the first event.

        A stream that is closed or dropped leaves a turn that is marked as interrupted.
        """
        return self._stream(lambda: self._attempt(prompt, settings))

    async def achat(self, prompt: Asked, **settings: Unpack[CallSettings]) -> Reply:
        """Ask on the running event loop, and return the whole reply."""
        return await self._awhole(self.astream(prompt, **settings))

    def astream(self, prompt: Asked, **settings: Unpack[CallSettings]) -> AsyncReplyStream:
        """Ask on the running event loop, and return the events as they arrive."""
        return self._astream(lambda: self._attempt(prompt, settings))

    def preview(self, prompt: Asked = "", **settings: Unpack[CallSettings]) -> Prompt:
        """Return what the model would see of the next question, and of all that is sent again. Nothing is sent.

        Without a question an empty one stands in its place.
        """
        attempt = self._attempt(prompt, settings)
        return self.client.preview(self._to_look_at(attempt), **self.with_own_settings(settings))

    def count_tokens(self, prompt: Asked = "", **settings: Unpack[CallSettings]) -> TokenCount:
        """Return how many tokens the next question would send, by the model's own tokenizer (see Client)."""
        attempt = self._attempt(prompt, settings)
        return self.client.count_tokens(self._to_look_at(attempt), **self.with_own_settings(settings))

    def fork(self, *, at: int | Turn | None = None) -> Conversation:
        """Return another conversation that begins like this one, and goes its own way from there.

        `at` is the last turn that both share, by its place in `turns` or itself; None shares all. Branches are shared
        too.
        """
        tree = self.tree if at is None else self.tree.moved(self.found(at).id)
        fork = Conversation(self.client, keep_thinking=self.keep_thinking, on_overflow=self.on_overflow, tree=tree)
        fork._known_limit = self._known_limit
        return fork

    @property
    def usage(self) -> Usage | None:
        """What all turns took, those on other branches too, as far as servers counted it; None if none did.

        A reply that was cut off often has no count, and is left out.
        """
        return total(turn.reply for turn in self.tree.turns)

    @property
    def cost(self) -> float | None:
        """What all turns cost, in USD; None if a price is unknown or nothing was counted."""
        usage = self.usage
        return usage.cost if usage else None

    @property
    def context(self) -> Context:
        """How full the model's window is: the tokens that would be sent again, and the limit if it is known."""
        found = measure(self.client, [*self.messages, user("")], self.with_own_settings({}))
        return Context(found.tokens, self._known_limit or found.limit)

    def learn_limit(self, limit: int) -> None:
        """Remember the window that a server has named."""
        self._known_limit = limit

    def fit(self, attempt: Attempt) -> Fitted:
        """Return the messages to send, as `on_overflow` says. Raises ContextLengthError if they do not fit."""
        return fit(
            self.client,
            self.tree.line_to(attempt.after),
            attempt.asked,
            begun=attempt.begun,
            settings=self.with_own_settings(attempt.settings),
            policy=self.on_overflow,
            limit=self._known_limit or self.client.endpoint.context,
        )

    def _to_look_at(self, attempt: Attempt) -> list[Message]:
        """Return the messages to look at: what would be left out is left out, and nothing is refused."""
        turns = self.tree.line_to(attempt.after)
        messages = with_question(turns, attempt.asked)
        if self.on_overflow == "error":
            return messages
        settings = self.with_own_settings(attempt.settings)
        limit = self._known_limit or measure(self.client, messages, settings).limit
        found = fit(self.client, turns, attempt.asked, begun=None, settings=settings, policy="trim", limit=limit)
        return found.messages

    def __repr__(self) -> str:
        count, lines = len(self.turns), len(self.branches)
        return f"Conversation({count} turn{'' if count == 1 else 's'}, {lines} branch{'' if lines == 1 else 'es'})"
