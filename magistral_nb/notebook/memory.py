"""What was said in this notebook's cells, for `-c`: each cell is a turn, and one that is run again replaces its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from magistral_nb.conversations import Conversation, Turn
from magistral_nb.conversations.history import messages_of
from magistral_nb.conversations.tree import Tree
from magistral_nb.errors import ConfigurationError, MagistralError
from magistral_nb.events import Failed
from magistral_nb.messages import Message, user
from magistral_nb.replies import Reply


@dataclass
class Memory:
    """The conversation that the last cell belongs to, and which turn is which cell's.

    What a cell has replaced stays in the tree, as a branch beside it. always : whether cells go on without `-c`.
    followers : called when a cell has changed the conversation, and forgotten when another one begins.
    """

    tree: Tree = field(default_factory=Tree)
    always: bool = False
    followers: list[Callable[[], None]] = field(default_factory=list)
    _places: dict[str, int] = field(default_factory=dict)

    def before(self, cell: str) -> list[Message]:
        """Return what was said before a cell: everything, or what stands above its own turn if it has one."""
        place = self._place(cell)
        return messages_of(self.tree.line if place is None else self.tree.line_to(self.tree.turns[place].parent))

    def keep(
        self, cell: str, question: str, reply: Reply, *, continued: bool, failure: BaseException | None = None
    ) -> None:
        """Take note of a turn. One that does not go on begins a new conversation; one without a word is no turn."""
        failed = None
        if isinstance(failure, MagistralError):
            failed = Failed(type(failure).__name__, failure.message, failure.hint, failure.request_id)
        turn, place = Turn((user(question),), reply, failed), self._place(cell)
        if not turn.spoke:
            return
        if place is not None and (continued or self.tree.turns[place].parent is None):  # the first one is a fresh one
            self.tree = self.tree.replaced(turn, at=place, keep_old=True)
        else:
            if not continued:
                self.adopt(Tree())
            self.tree = self.tree.added(turn, after=self.tree.head)
            self._places[cell] = len(self.tree.turns) - 1
        self._tell_followers()

    def adopt(self, tree: Tree) -> None:
        """Go on with another conversation, none of whose turns belongs to a cell yet."""
        self.tree, self._places, self.followers = tree, {}, []

    def keep_in_step(self, talk: Conversation) -> None:
        """Go on from what is said in a conversation, and let it go on from here, until another one begins here.

        Where both go on at the same time, each keeps its own.
        """
        both = self.tree

        def follow() -> None:
            nonlocal both
            if talk.tree is both and self.tree is not both:
                with suppress(ConfigurationError), talk.one_at_a_time():  # it is asked just now: both go on
                    talk.tree = both = self.tree

        def hear() -> None:
            nonlocal both
            if follow not in self.followers:
                unwatch()
            elif self.tree is both and talk.tree is not both:
                self.tree = both = talk.tree
                self._tell_followers()

        self.followers.append(follow)
        unwatch = talk.watch(hear)

    def _tell_followers(self) -> None:
        for follow in tuple(self.followers):
            follow()

    def _place(self, cell: str) -> int | None:
        return self._places.get(cell)


def running_cell(shell: Any, *, line: str = "") -> str:
    """Return a name for the cell that is running: the front end's own where it gives one, else a new one for each run.

    `line` tells one line of a cell from another.
    """
    cell = front_end_cell(shell) or f"run {shell.execution_count}"
    return f"{cell} {line}".strip()


def front_end_cell(shell: Any) -> str | None:
    """Return the front end's own name for the cell that is running. A page with cells gives one; a console does not."""
    parent: dict[str, Any] = shell.get_parent() if hasattr(shell, "get_parent") else {}
    return (parent.get("metadata") or {}).get("cellId") or None
