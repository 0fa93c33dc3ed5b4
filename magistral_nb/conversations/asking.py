"""One turn on its way: what is sent for it, and how it becomes part of the tree, whatever happens to its stream.

The two loops differ in nothing but `await`. The turn is added when its stream ends, is closed, or is dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from magistral_nb.call_settings import CallSettings
from magistral_nb.conversations.history import begun_message
from magistral_nb.conversations.joining import copied, joined
from magistral_nb.conversations.tree import Tree
from magistral_nb.conversations.turns import Turn
from magistral_nb.conversations.window import Fitted
from magistral_nb.dialects import why_not_continued
from magistral_nb.errors import ConfigurationError, ContextLengthError, MagistralError
from magistral_nb.events import Event, Failed, Notice, Started, Waiting
from magistral_nb.messages import Message
from magistral_nb.replies import Reply

if TYPE_CHECKING:
    from magistral_nb.client import Client
    from magistral_nb.conversations.conversation import Conversation


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is to be asked, and where it belongs.

    after : the turn before it, or None at the beginning. begun : a reply that is to go on, and `replaces` the place of
    the turn that holds it.
    """

    asked: tuple[Message, ...]
    after: int | None
    settings: CallSettings
    begun: Reply | None = None
    replaces: int | None = None

    def in_tree(self, tree: Tree, turn: Turn) -> Tree:
        """Return the tree with the turn that came of this. A reply that went on takes the place of the cut one."""
        if self.replaces is None or tree.children(self.replaces):
            return tree.added(turn, after=self.after)
        return tree.replaced(turn, at=self.replaces, keep_old=False).moved(self.replaces)


@dataclass
class Asking:
    """Asks for one turn of a conversation, in either colour. `reply` grows meanwhile.

    attempt : made at the first event, from the tree as it is then.
    """

    conversation: Conversation
    make_attempt: Callable[[], Attempt]
    reply: Reply = field(default_factory=Reply)
    _attempt: Attempt | None = None
    _arrived: Reply | None = None
    _failed: Failed | None = None
    _notices: list[Notice] = field(default_factory=list)
    _tries: int = 0

    def events(self) -> Generator[Event, None, None]:
        """Ask, and yield events as they arrive."""
        with self.conversation.one_at_a_time():
            attempt = self._begin()
            try:
                while True:
                    fitted = self._prepare(attempt)
                    stream = self._client.stream(fitted.messages, **self._settings(attempt))
                    self._arrived = stream.reply
                    try:
                        with stream:
                            for event in stream:
                                yield from self._hear(event)
                        return
                    except MagistralError as error:
                        if not self._tries_again(error):
                            raise
            finally:
                self._end(attempt)

    async def aevents(self) -> AsyncGenerator[Event, None]:
        """Do the same on the running event loop."""
        with self.conversation.one_at_a_time():
            attempt = self._begin()
            try:
                while True:
                    fitted = await asyncio.to_thread(self._prepare, attempt)
                    stream = self._client.astream(fitted.messages, **self._settings(attempt))
                    self._arrived = stream.reply
                    try:
                        async with stream:
                            async for event in stream:
                                for told in self._hear(event):
                                    yield told
                        return
                    except MagistralError as error:
                        if not self._tries_again(error):
                            raise
            finally:
                self._end(attempt)

    @property
    def _client(self) -> Client:
        return self.conversation.client

    def _settings(self, attempt: Attempt) -> CallSettings:
        return self.conversation.with_own_settings(attempt.settings)

    def _begin(self) -> Attempt:
        attempt = self._attempt = self.make_attempt()
        if attempt.begun:
            self.reply.become(copied(attempt.begun))
        return attempt

    def _prepare(self, attempt: Attempt) -> Fitted:
        """Return what to send. Raises ConfigurationError, or ContextLengthError, for what cannot be."""
        if attempt.begun:
            _check_can_go_on(self._client, attempt.begun)
        fitted = self.conversation.fit(attempt)
        self._notices = [fitted.notice] if fitted.notice else []
        return fitted

    def _hear(self, event: Event) -> Iterator[Event]:
        """Fold an event into the growing reply, and pass it on; what was left out is told before the first word."""
        is_early = isinstance(event, Started | Waiting)
        if not is_early:
            for notice in self._notices:
                self.reply.add(notice)
                yield notice
            self._notices = []
        if not (isinstance(event, Started) and self._tries):
            self.reply.add(event)
            yield event

    def _tries_again(self, error: MagistralError) -> bool:
        """Say whether a conversation that the server found too long is asked once more, with less."""
        limit = error.limit if isinstance(error, ContextLengthError) else None
        if limit and self.conversation.on_overflow == "trim" and not self._tries:
            self.conversation.learn_limit(limit)
            self._tries += 1
            return True
        self._failed = Failed(type(error).__name__, error.message, error.hint, error.request_id)
        if error.partial is not None or (self._attempt and self._attempt.begun):
            error.partial = self.reply  # made whole by `_end`, before anybody sees the error
        return False

    def _end(self, attempt: Attempt) -> None:
        """Keep what came as a turn. Nothing is kept if nothing was sent, or if no word was added to a cut reply."""
        arrived = self._arrived
        if arrived is None or not arrived.model:
            return
        missing = [notice for notice in self.reply.notices if notice.code == "history_trimmed"]
        whole = joined(attempt.begun, arrived) if attempt.begun else arrived
        whole.notices = [*(notice for notice in missing if notice not in whole.notices), *whole.notices]
        self.reply.become(whole)
        if attempt.begun and not (arrived.thinking or arrived.answer or arrived.tool_calls or arrived.complete):
            return
        turn = Turn(attempt.asked, self.reply, self._failed, dict(attempt.settings))
        self.conversation.tree = attempt.in_tree(self.conversation.tree, turn)


def _check_can_go_on(client: Client, begun: Reply) -> None:
    row = client.endpoint
    if reason := why_not_continued(begun_message(begun), row.dialect):
        raise ConfigurationError(
            f"{row.name} cannot go on with the reply: {reason}.",
            hint=(
                "conversation.regenerate(max_tokens=…) asks the question again with more room; or ask with words of "
                "yours: conversation.chat('Please go on.')."
            ),
            endpoint=row.name,
        )
