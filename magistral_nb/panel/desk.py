"""What stands behind a panel: conversation, settings, and the question on its way. It knows no widget."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from magistral_nb.call_settings import CallSettings
from magistral_nb.conversations import Conversation, Turn
from magistral_nb.conversations.tree import Tree
from magistral_nb.errors import ConfigurationError
from magistral_nb.panel.asked import Pending, Question, Wanted
from magistral_nb.panel.wire import Data, line_wire, unsent_wire
from magistral_nb.panel.wishes import Wishes
from magistral_nb.replies import Reply
from magistral_nb.settings import Timeouts
from magistral_nb.streams import AsyncReplyStream


class Desk:
    """Takes questions, one at a time, and changes the line. Any thread may call; what is new is told as messages.

    tell : sends a message to the pages. changed : is called when a question was taken, when it has ended, and when the
    line has changed, after the pages were told. looked : is called now and then while a reply comes in.
    """

    def __init__(
        self,
        conversation: Conversation,
        own: CallSettings,
        *,
        tell: Callable[[Data], None],
        changed: Callable[[Question | None], None],
        looked: Callable[[Question], None],
    ) -> None:
        self.conversation = conversation
        self.wishes = Wishes(conversation, own)
        self._tell, self._changed, self._looked = tell, changed, looked
        self._lock = threading.RLock()
        self._question: Question | None = None
        self._unsent: Data | None = None
        self._told_tree = conversation.tree
        self._unwatch = conversation.watch(self._changed_by_somebody)

    @property
    def busy(self) -> bool:
        """Whether a reply is coming in."""
        return self._question is not None

    def ask(self, text: str) -> Pending:
        """Ask. Raises ConfigurationError while a reply is coming in, and for an empty question."""
        given = self.wishes.given
        index = len(self.conversation.turns)
        return self._begin(_words(text), index, lambda: self.conversation.astream(text, **given))

    def edit(self, turn: int, text: str) -> Pending:
        """Ask the question of a turn in other words: a branch beside it."""
        given = self.wishes.given
        old, index = self._found(turn)
        talk = self.conversation
        return self._begin(_words(text), index, lambda: talk.astream_edit(old, text=text, **given))

    def regenerate(self, turn: int) -> Pending:
        """Ask the question of a turn again: a branch beside it."""
        given = self.wishes.given
        old, index = self._found(turn)
        return self._begin(
            old.question, index, lambda: self.conversation.astream_regenerate(old, **given)
        )  # fmt: skip

    def go_on(self, turn: int) -> Pending:
        """Let the last reply go on where it was cut off."""
        given = self.wishes.given
        old, index = self._found(turn)
        if index != len(self.conversation.turns) - 1:
            raise ConfigurationError("Only the last reply can go on.", hint="Ask its question again.")
        begun = old.reply
        return self._begin(
            old.question, index, lambda: self.conversation.astream_continue(**given), begun=begun
        )  # fmt: skip

    def stop(self) -> None:
        """Stop the reply that is coming in, if one is."""
        question = self._question
        if question is not None:
            question.stop()

    def close(self) -> None:
        """Hear no more of the conversation, and close the clients that were made here."""
        self._unwatch()
        self.wishes.close()

    def branch(self, turn: int, at: int) -> None:
        """Show another of the turns beside one, counted from 1, with what followed it."""
        old, _ = self._found(turn)
        beside = self.conversation.siblings(old)
        if not 1 <= at <= len(beside):
            raise ConfigurationError(f"There is no branch {at}.", hint=f"There are {len(beside)} at this turn.")
        self._move(lambda tree: tree.moved(tree.newest_below(beside[at - 1].id)))

    def delete(self, turn: int) -> int:
        """Take a turn and what follows it out of the line; `restore` brings it back. Return the turn's id."""
        old, _ = self._found(turn)
        self._move(lambda tree: tree.moved(old.parent))
        return old.id

    def restore(self, turn: int) -> None:
        """Show the line through a turn, down to its newest end."""
        self.check_idle()
        if not 0 <= turn < len(self.conversation.tree.turns):
            raise _no_turn(turn)
        self._move(lambda tree: tree.moved(tree.newest_below(turn)))

    def clear(self) -> int | None:
        """Begin a new line; `restore` brings the old one back. Return the old one's last turn."""
        old = self.conversation.tree.head
        self._move(lambda tree: tree.moved(None))
        return old

    def tell_line(self, start: int = 0) -> None:
        """Tell the pages the turns from a place on."""
        with self._lock:  # told before a question is taken, or after: its reply would be taken for one that has ended
            self._told_tree = self.conversation.tree
            live = self._question.reply_id if self._question else None
            self._tell({"type": "turns", "from": start, "turns": self._line(start), "live": live})

    def tell_all(self, start: int = 0) -> None:
        """Tell the pages the turns from a place on, and the reply that is coming in."""
        with self._lock:
            self.tell_line(start)
            if self._question is not None:
                self._question.was_missed = True
                self._tell({"type": "live", **self._question.live_wire()})

    def snapshot(self, *, for_page: bool = False) -> tuple[list[Data], Data | None]:
        """Return the finished turns, and the reply that is coming in, as they stand together.

        A page that has not heard a reply from its beginning cannot know its times, and is told the whole at the end.
        """
        with self._lock:
            if for_page and self._question:
                self._question.was_missed = True
            return self._line(0), self._question.live_wire() if self._question else None

    def check_idle(self) -> None:
        """Raise ConfigurationError while a reply is coming in, for this panel or anybody else."""
        if self.busy:
            raise ConfigurationError(
                "This panel is still answering a question, and it takes one at a time.",
                hint="Wait for it, or stop it: panel.stop(). Another panel can be asked meanwhile.",
            )
        self.conversation.check_not_busy()

    def _begin(
        self,
        text: str,
        index: int,
        open_stream: Callable[[], AsyncReplyStream],
        *,
        begun: Reply | None = None,
    ) -> Pending:
        with self._lock:
            self.check_idle()
            if self.conversation.tree is not self._told_tree:
                self.tell_line(self._first_changed())
            wanted = Wanted(text, index, open_stream, self._limits, begun)
            question = Question(wanted, self._tell, looked=self._looked, ended=self._ended)
            self._question, self._unsent = question, None
            live = question.live_wire()
            self._tell({"type": "live", **live, "reply": live["reply"] if begun else None})
        self._changed(None)
        question.start()
        return question.pending

    def _ended(self, question: Question) -> None:
        with self._lock:  # nobody asks before the pages know how it ended
            for message in question.last_messages():
                self._tell(message)
            index, line = question.wanted.index, self.conversation.turns
            if not any(turn.reply is question.reply for turn in self.conversation.tree.turns):
                self._unsent = unsent_wire(question.wanted.text, question.error)
            is_next = len(line) == index + 1 and line[index].reply is question.reply
            told = min(index, self._first_changed())  # further up where somebody has changed the line meanwhile
            self._question = None
            if is_next:
                self._told_tree = self.conversation.tree
                self._tell(self._turn_message(question))
            else:
                self.tell_line(told)
        try:
            self._changed(question)
        finally:
            question.settle()

    def _changed_by_somebody(self) -> None:
        """Somebody may have used the conversation elsewhere. Whoever it was does not wait for this desk."""
        with suppress(RuntimeError):  # Python ends, and starts no more threads: there is no page any more
            threading.Thread(target=self._catch_up, name="magistral_nb panel", daemon=True).start()

    def _catch_up(self) -> None:
        with self._lock:
            if self.busy or self.conversation.tree is self._told_tree:  # it was this desk
                return
            self._unsent = None
            self.tell_line(self._first_changed())
        self._changed(None)

    def _first_changed(self) -> int:
        """Return from which turn on the line is not what the pages were told; what was its end looks different, too."""
        pairs = zip(self._told_tree.line, self.conversation.turns, strict=False)
        same = next((at for at, (told, now) in enumerate(pairs) if told is not now), None)
        shorter = min(len(self._told_tree.line), len(self.conversation.turns))
        return max(0, (shorter if same is None else same) - 1)

    def _turn_message(self, question: Question) -> Data:
        """Return the turn without the reply, if the page has put it together already."""
        index = question.wanted.index
        turn = self._line(index)[0]
        # What is held back because it may be the beginning of a key comes to the reply alone if that is cut off.
        is_easy = question.reply.complete and question.error is None and not question.wanted.begun
        has_it = is_easy and not question.was_missed and not question.telling.is_wrong
        turn = turn | {"reply": None} if has_it else turn
        seq = question.telling.snapshot()[1]
        return {"type": "turn", "index": index, "turn": turn, "reply_id": question.reply_id, "seq": seq}

    def _line(self, start: int) -> list[Data]:
        turns = line_wire(self.conversation, start)
        return [*turns, self._unsent] if self._unsent else turns

    def _limits(self) -> Timeouts:
        client = self.conversation.client
        return Timeouts.of(client.settings_for(self.wishes.given).timeout, default=client.endpoint.timeouts)

    def _move(self, step: Callable[[Tree], Tree]) -> None:
        with self._lock:
            self.check_idle()
            with self.conversation.one_at_a_time():
                self.conversation.tree = step(self.conversation.tree)
            self._unsent = None
            self.tell_line(self._first_changed())
        self._changed(None)

    def _found(self, turn: Any) -> tuple[Turn, int]:
        """Return a turn of the line, and its place. Raises ConfigurationError while a reply is coming in."""
        self.check_idle()
        for index, one in enumerate(self.conversation.turns):
            if one.id == turn:
                return one, index
        raise _no_turn(turn)


def _words(text: Any) -> str:
    if not isinstance(text, str) or not text.strip():
        raise ConfigurationError("The question is empty.", hint="Write something first.")
    return text


def _no_turn(turn: object) -> ConfigurationError:
    return ConfigurationError(f"There is no turn {str(turn)[:20]} here.", hint="The line has changed: look again.")
