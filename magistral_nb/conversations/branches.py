"""Moving about in the tree of a conversation: nothing is sent, and no turn is ever lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from magistral_nb.conversations.history import messages_of
from magistral_nb.conversations.tree import Tree
from magistral_nb.conversations.turns import Turn
from magistral_nb.errors import ConfigurationError
from magistral_nb.messages import Message


class Branches:
    """The tree of a conversation and the line that is current. `Conversation` adds what asks and what saves."""

    def __init__(self, tree: Tree | None = None) -> None:
        self.tree = tree or Tree()
        self._lock = threading.Lock()
        self._watchers: list[Callable[[], object]] = []

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The turns of the current line, from the first, those that were cut off or failed among them."""
        return self.tree.line

    @property
    def messages(self) -> list[Message]:
        """What has been said on the current line, as it is sent again: all thinking is still in it."""
        return messages_of(self.turns)

    @property
    def branches(self) -> tuple[Turn, ...]:
        """The last turn of every line, the oldest first; `switch` makes its line the current one."""
        return self.tree.ends

    def siblings(self, turn: int | Turn = -1) -> tuple[Turn, ...]:
        """Return a turn and those beside it, the oldest first: other questions, and other replies to it.

        The place of the turn's `id` among theirs, and how many there are, are what a "2/3" beside a turn says.
        """
        return self.tree.children(self.found(turn).parent)

    def switch(self, turn: Turn) -> Turn:
        """Make the line through a turn the current one, down to the newest turn below; return the line's last turn."""
        with self.one_at_a_time():
            self.tree = self.tree.moved(self.tree.newest_below(self.found(turn).id))
        return self.turns[-1]

    def undo(self) -> Turn:
        """Step back behind the last turn of the line, and return it: `switch(turn)` brings it back.

        Raises ConfigurationError if nothing has been said.
        """
        with self.one_at_a_time():
            last = self.found(-1)
            self.tree = self.tree.moved(last.parent)
        return last

    def found(self, turn: int | Turn) -> Turn:
        """Return a turn of this conversation: a number is its place in `turns`, and may count from the end.

        Raises ConfigurationError if there is none.
        """
        if isinstance(turn, Turn):
            known = self.tree.turns[turn.id] if turn.id < len(self.tree.turns) else None
            if known is None or known.asked != turn.asked or known.parent != turn.parent:
                raise ConfigurationError(
                    f"The turn {turn.question[:40]!r} is not part of this conversation.",
                    hint="Take it from its turns, siblings() or branches.",
                )
            return known
        line = self.turns
        if not -len(line) <= turn < len(line):
            raise ConfigurationError(
                f"There is no turn {turn}: {len(line)} turns have been said." if line else "Nothing has been said yet.",
                hint="Turns are counted from 0; -1 is the last." if line else "Begin with conversation.chat('…').",
            )
        return line[turn]

    @property
    def busy(self) -> bool:
        """Whether a reply is still coming in."""
        return self._lock.locked()

    def check_not_busy(self) -> None:
        """Raise ConfigurationError while a reply is still coming in."""
        if self.busy:
            raise _busy()

    def watch(self, changed: Callable[[], object]) -> Callable[[], None]:
        """Call a function each time the line or the tree has changed; return one that ends this.

        It is called in the thread of whoever changed the conversation, who waits for it. A reply changes it when it
        has ended.
        """
        self._watchers.append(changed)
        return lambda: self._watchers.remove(changed) if changed in self._watchers else None

    @contextmanager
    def one_at_a_time(self) -> Iterator[None]:
        """Hold the conversation for one reply or one step. Raises ConfigurationError while another holds it."""
        if not self._lock.acquire(blocking=False):
            raise _busy()
        before = self.tree
        try:
            yield
        finally:
            has_changed = self.tree is not before
            self._lock.release()
            if has_changed:
                for changed in tuple(self._watchers):
                    changed()


def _busy() -> ConfigurationError:
    return ConfigurationError(
        "A reply of this conversation is still coming in.",
        hint=(
            "Read its stream to the end, or close() it: what has arrived is kept. conversation.fork() makes another "
            "conversation, which can be asked at the same time."
        ),
    )
