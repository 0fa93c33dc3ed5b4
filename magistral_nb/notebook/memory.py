"""What was said in this notebook's cells, for `-c`: each cell is a turn, and one that is run again replaces its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from magistral_nb.messages import Message, user
from magistral_nb.replies import Reply


@dataclass(frozen=True, slots=True)
class Turn:
    """What one cell asked, and what came; the reply may have been cut off."""

    cell: str
    question: str
    reply: Reply


@dataclass
class Memory:
    """The turns of the conversation that the last cell belongs to. always : whether a cell goes on without `-c`."""

    turns: list[Turn] = field(default_factory=list)
    always: bool = False

    def before(self, cell: str) -> list[Message]:
        """Return what was said before a cell: everything, or what stands above its own turn if it has one."""
        place = self._place(cell)
        said = self.turns if place is None else self.turns[:place]
        return [message for turn in said for message in (user(turn.question), turn.reply.to_message())]

    def keep(self, cell: str, question: str, reply: Reply, *, continued: bool) -> None:
        """Take note of a turn. One that does not go on begins a new conversation; one without a word is no turn."""
        if not (reply.thinking or reply.answer or reply.tool_calls):
            return
        turn, place = Turn(cell, question, reply), self._place(cell)
        if place is not None and (continued or place == 0):  # the first turn of a conversation is a fresh one
            self.turns[place] = turn
        elif continued:
            self.turns.append(turn)
        else:
            self.turns = [turn]

    def _place(self, cell: str) -> int | None:
        return next((place for place, turn in enumerate(self.turns) if turn.cell == cell), None)


def running_cell(shell: Any, *, line: str = "") -> str:
    """Return a name for the cell that is running: the front end's own where it gives one, else a new one for each run.

    `line` tells one line of a cell from another.
    """
    parent: dict[str, Any] = shell.get_parent() if hasattr(shell, "get_parent") else {}
    cell = (parent.get("metadata") or {}).get("cellId") or f"run {shell.execution_count}"
    return f"{cell} {line}".strip()
