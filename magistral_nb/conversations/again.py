"""Asking once more: other words, another reply, or the rest of one. Each in both colours, whole and as a stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Unpack, cast

from magistral_nb.asked import Asked, as_messages
from magistral_nb.call_settings import CallSettings
from magistral_nb.chat_format import Prompt
from magistral_nb.conversations.asking import Asking, Attempt
from magistral_nb.conversations.branches import Branches
from magistral_nb.conversations.history import check_question
from magistral_nb.conversations.turns import CUT, Turn
from magistral_nb.errors import ConfigurationError
from magistral_nb.loading_text import LoadingText
from magistral_nb.replies import Reply
from magistral_nb.streams import AsyncReplyStream, ReplyStream

if TYPE_CHECKING:
    from magistral_nb.conversations.conversation import Conversation
    from magistral_nb.dialects import KeepThinking


class Again(Branches):
    """The verbs that ask an earlier question again. `conversation.stream` and its like belong to `Conversation`."""

    keep_thinking: KeepThinking | None

    def edit(self, turn: int | Turn, *, text: str, **settings: Unpack[CallSettings]) -> Reply:
        """Ask a turn's question in other words, and return the reply: a branch beside the turn, which stays.

        `turn` is a turn, or its place in `turns`. Settings of the turn hold again unless others are given.
        """
        return self._whole(self.stream_edit(turn, text=text, **settings))

    def regenerate(self, turn: int | Turn = -1, **settings: Unpack[CallSettings]) -> Reply:
        """Ask a turn's question again, the last one's if none is named: another reply beside the one there is."""
        return self._whole(self.stream_regenerate(turn, **settings))

    def continue_reply(self, **settings: Unpack[CallSettings]) -> Reply:
        """Let the last reply go on where it was cut off, and return it as one.

        It may have been cut by `max_tokens`, a lost connection or a stop. Raises ConfigurationError where the server
        cannot do that, and says what to do instead.
        """
        return self._whole(self.stream_continue(**settings))

    async def aedit(self, turn: int | Turn, *, text: str, **settings: Unpack[CallSettings]) -> Reply:
        """Do what `edit` does, on the running event loop."""
        return await self._awhole(self.astream_edit(turn, text=text, **settings))

    async def aregenerate(self, turn: int | Turn = -1, **settings: Unpack[CallSettings]) -> Reply:
        """Do what `regenerate` does, on the running event loop."""
        return await self._awhole(self.astream_regenerate(turn, **settings))

    async def acontinue_reply(self, **settings: Unpack[CallSettings]) -> Reply:
        """Do what `continue_reply` does, on the running event loop."""
        return await self._awhole(self.astream_continue(**settings))

    def stream_edit(self, turn: int | Turn, *, text: str, **settings: Unpack[CallSettings]) -> ReplyStream:
        """Do what `edit` does, and return the events as they arrive."""
        return self._stream(lambda: self._edited(turn, text, settings))

    def stream_regenerate(self, turn: int | Turn = -1, **settings: Unpack[CallSettings]) -> ReplyStream:
        """Do what `regenerate` does, and return the events as they arrive."""
        return self._stream(lambda: self._asked_again(turn, settings))

    def stream_continue(self, **settings: Unpack[CallSettings]) -> ReplyStream:
        """Do what `continue_reply` does, and return what is new; the stream's `reply` is the whole."""
        return self._stream(lambda: self._going_on(settings))

    def astream_edit(self, turn: int | Turn, *, text: str, **settings: Unpack[CallSettings]) -> AsyncReplyStream:
        """Do what `stream_edit` does, on the running event loop."""
        return self._astream(lambda: self._edited(turn, text, settings))

    def astream_regenerate(self, turn: int | Turn = -1, **settings: Unpack[CallSettings]) -> AsyncReplyStream:
        """Do what `stream_regenerate` does, on the running event loop."""
        return self._astream(lambda: self._asked_again(turn, settings))

    def astream_continue(self, **settings: Unpack[CallSettings]) -> AsyncReplyStream:
        """Do what `stream_continue` does, on the running event loop."""
        return self._astream(lambda: self._going_on(settings))

    def _attempt(self, asked: Asked, settings: CallSettings) -> Attempt:
        if isinstance(asked, Prompt):
            raise ConfigurationError(
                "A prompt is a whole conversation already, so none can be put before it.",
                hint="Ask it with client.chat(prompt), or give the conversation text.",
            )
        messages = as_messages(asked)
        check_question(messages, first=self.tree.head is None)
        return Attempt(tuple(messages), self.tree.head, settings)

    def _edited(self, turn: int | Turn, text: str, settings: CallSettings) -> Attempt:
        old = self.found(turn)
        return Attempt(old.with_text(text), old.parent, self._settings_again(old, settings))

    def _asked_again(self, turn: int | Turn, settings: CallSettings) -> Attempt:
        old = self.found(turn)
        return Attempt(old.asked, old.parent, self._settings_again(old, settings))

    def _going_on(self, settings: CallSettings) -> Attempt:
        last = self.found(-1)
        if last.state not in CUT or last.reply.tool_calls:
            raise ConfigurationError(
                "The last reply is whole, so there is nothing to go on with.",
                hint="Ask the next question, or regenerate() for another reply.",
            )
        if not last.spoke:
            raise ConfigurationError(
                "No word of the last reply has come, so there is nothing to go on with.",
                hint="regenerate() asks the question again.",
            )
        again = self._settings_again(last, settings)
        return Attempt(last.asked, last.parent, again, begun=last.reply, replaces=last.id)

    def _settings_again(self, turn: Turn, settings: CallSettings) -> CallSettings:
        return cast(CallSettings, {**turn.settings, **settings})

    def with_own_settings(self, settings: CallSettings) -> CallSettings:
        """Return the settings of a call, with the conversation's own for what it leaves out."""
        if self.keep_thinking is None or "keep_thinking" in settings:
            return settings
        return {**settings, "keep_thinking": self.keep_thinking}

    def _stream(self, make_attempt: Callable[[], Attempt]) -> ReplyStream:
        asking = self._asking(make_attempt)
        return ReplyStream(asking.events(), asking.reply)

    def _astream(self, make_attempt: Callable[[], Attempt]) -> AsyncReplyStream:
        asking = self._asking(make_attempt)
        return AsyncReplyStream(asking.aevents(), asking.reply)

    def _asking(self, make_attempt: Callable[[], Attempt]) -> Asking:
        self.check_not_busy()
        make_attempt()  # a mistake is told now, not at the first event
        return Asking(cast("Conversation", self), make_attempt)

    def _whole(self, stream: ReplyStream) -> Reply:
        loading = LoadingText()
        with stream:
            for event in stream:
                loading.hear(event)
        return stream.reply

    async def _awhole(self, stream: AsyncReplyStream) -> Reply:
        loading = LoadingText()
        async with stream:
            async for event in stream:
                loading.hear(event)
        return stream.reply
