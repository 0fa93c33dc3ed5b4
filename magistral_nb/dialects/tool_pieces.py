"""Tool calls from their pieces: by index, by id, by place, or by nothing but the order in which they come."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from magistral_nb.dialects.half_characters import whole_characters
from magistral_nb.events import ToolCall

MOST_CALLS = 128
"""More calls than that in one reply are a server's mistake."""


@dataclass
class _Call:
    id: str = ""
    name: str = ""
    arguments: str = ""

    def add(self, call_id: str, name: str, arguments: str) -> None:
        self.id = self.id or call_id
        # Most servers send a name whole, and some send it again with every piece.
        self.name = name if name.startswith(self.name) else self.name + name if name else self.name
        self.arguments += arguments

    def is_whole(self) -> bool:
        try:
            json.loads(self.arguments)
        except (ValueError, RecursionError):
            return False
        return bool(self.name)

    def event(self, at: float) -> ToolCall:
        id_, name, arguments = map(whole_characters, (self.id, self.name, self.arguments))
        return ToolCall(id_, name, arguments, at)


class ToolPieces:
    """The calls of one reply. A piece with a name and an id of its own begins a call, whatever its index says."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._known: dict[str, _Call] = {}
        self._given: set[int] = set()  # places in the list

    def __bool__(self) -> bool:
        return bool(self._calls)

    def hear(self, calls: object, old_call: object = None) -> None:
        """Take the `tool_calls` of a chunk, or the one `function_call` of old servers."""
        if isinstance(calls, dict):
            calls = [calls] if "function" in calls else list(calls.values())
        pieces = [piece for piece in calls if isinstance(piece, dict)] if isinstance(calls, list) else []
        for place, piece in enumerate(pieces):
            self._hear_piece(piece, place if len(pieces) > 1 else None)
        if isinstance(old_call, dict):
            self._hear_piece({"index": "function_call", "function": old_call}, None)

    def give_out(self, at: float, *, all_of_them: bool) -> list[ToolCall]:
        """Return the calls, each once: all of them if the reply has ended, else those with complete arguments."""
        left = [(place, call) for place, call in enumerate(self._calls) if place not in self._given]
        told = [(place, call) for place, call in left if all_of_them or call.is_whole()]
        self._given |= {place for place, _ in told}
        return [call.event(at) for _, call in told]

    def _hear_piece(self, piece: dict[str, Any], place: int | None) -> None:
        function = piece.get("function")
        function = function if isinstance(function, dict) else {}
        call_id, name = _word(piece.get("id")), _word(function.get("name"))
        index = _word(piece.get("index"))
        call = self._continued(index, call_id, name, place)
        if call is None:
            if len(self._calls) >= MOST_CALLS:
                return
            call = _Call()
            self._calls.append(call)
        if index:
            self._known[f"index {index}"] = call
        if call_id:
            self._known[f"id {call_id}"] = call
        arguments = function.get("arguments")
        call.add(call_id, name, arguments if isinstance(arguments, str) else _as_json(arguments))

    def _continued(self, index: str, call_id: str, name: str, place: int | None) -> _Call | None:
        """Return the call that a piece goes on with, or None if it begins one."""
        of_id = self._known.get(f"id {call_id}") if call_id else None
        if index:
            call = self._known.get(f"index {index}")
            has_other_id = call is not None and bool(call_id and call.id) and call.id != call_id
            return of_id if has_other_id and (name or of_id) else call
        if call_id:
            return of_id
        where = len(self._calls) - 1 if place is None else place
        call = self._calls[where] if 0 <= where < len(self._calls) else None
        return None if call and name and call.is_whole() else call


def _word(value: object) -> str:
    return str(value) if isinstance(value, str | int) else ""


def _as_json(arguments: object) -> str:
    return "" if arguments is None else json.dumps(arguments)
