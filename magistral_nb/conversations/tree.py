"""The turns of a conversation as a tree, as an immutable value: branches are added, and nothing is ever taken out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from magistral_nb.conversations.turns import Turn


@dataclass(frozen=True, slots=True)
class Tree:
    """Every turn there ever was, and the last one of the line that is current.

    turns : all of them; each one's `id` is its place here. head : the last turn of the current line, or None before
    the first.
    """

    turns: tuple[Turn, ...] = ()
    head: int | None = None

    @property
    def line(self) -> tuple[Turn, ...]:
        """The turns of the current line, from the first."""
        return self.line_to(self.head)

    def line_to(self, end: int | None) -> tuple[Turn, ...]:
        """Return the turns from the first down to one."""
        line = []
        while end is not None:
            line.append(self.turns[end])
            end = self.turns[end].parent
        return tuple(reversed(line))

    def added(self, turn: Turn, *, after: int | None) -> Tree:
        """Return the tree with one more turn, which becomes the head."""
        place = len(self.turns)
        return Tree((*self.turns, replace(turn, id=place, parent=after)), place)

    def replaced(self, turn: Turn, *, at: int, keep_old: bool) -> Tree:
        """Return the tree with another turn at a place: what follows it stays.

        `keep_old` keeps the turn that stood there, as a branch beside it.
        """
        old = self.turns[at]
        turns = (*self.turns[:at], replace(turn, id=at, parent=old.parent), *self.turns[at + 1 :])
        return Tree((*turns, replace(old, id=len(turns))) if keep_old else turns, self.head)

    def moved(self, head: int | None) -> Tree:
        """Return the tree with another line as the current one."""
        return replace(self, head=head)

    def children(self, parent: int | None) -> tuple[Turn, ...]:
        """Return the turns that come after one, the oldest first; those of None begin a line."""
        return tuple(turn for turn in self.turns if turn.parent == parent)

    def newest_below(self, place: int) -> int:
        """Return the last turn of the newest line that goes through a turn."""
        newest = {turn.parent: turn.id for turn in self.turns}
        while place in newest:
            place = newest[place]
        return place

    @property
    def ends(self) -> tuple[Turn, ...]:
        """The last turn of every line, the oldest first."""
        parents = {turn.parent for turn in self.turns}
        return tuple(turn for turn in self.turns if turn.id not in parents)
