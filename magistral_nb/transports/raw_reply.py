"""What a Magistral writes, token by token and control tokens included, becomes chunks in the shape of OpenAI's.

It is fed and asked, and knows no engine. Whoever feeds it says which pieces are control tokens: text that only looks
like one, since the model quotes it, stays text. Thinking is not told apart here: `[THINK]` and `<think>` stay in the
content, where the decoder finds them as it does for every server without a parser.
"""

from __future__ import annotations

import json
import re
import secrets
import string
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Literal

from magistral_nb.transports import Chunk

CALL, CALL_ID, ARGUMENTS = "[TOOL_CALLS]", "[CALL_ID]", "[ARGS]"
OPENING, CLOSING = "[THINK]", "[/THINK]"
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
NO_ID = "null"
"""How Mistral spells that a call has no id."""
ID_LENGTH = 9
"""What the ids of Mistral's calls have, in letters and digits; 2506 refuses any other."""


@dataclass
class _Call:
    """A call that is being written: the text of each of its parts, and everything as it came."""

    part: str = CALL
    parts: dict[str, str] = field(default_factory=dict)
    raw: str = CALL
    in_thought: bool = False

    def add(self, text: str, *, control: bool) -> bool:
        """Take a piece, and return whether it belongs to the call."""
        if control and text in (CALL_ID, ARGUMENTS):
            self.part = text
        elif control:
            return False
        else:
            self.parts[self.part] = self.parts.get(self.part, "") + text
        self.raw += text
        return True

    def whole(self) -> dict[str, Any] | None:
        """Return the call in OpenAI's shape, or None if it is not a whole one."""
        name, arguments = (self.parts.get(part, "").strip() for part in (CALL, ARGUMENTS))
        if not NAME.fullmatch(name) or not _is_json(arguments):
            return None
        given = self.parts.get(CALL_ID, "").strip()
        call_id = fresh_id() if given in ("", NO_ID) else given
        return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


class RawReply:
    """Reads one reply of a Magistral, or of any other model whose thinking stands in its text.

    model : the id that every chunk carries. ends : the control tokens that end a reply, and are no part of it.
    opened : the tag of a thought that the prompt has begun, `[THINK]` or `<think>`: the decoder must see it first.

    >>> reply = RawReply("magistral")
    >>> chunks = reply.feed("[TOOL_CALLS]", control=True) + reply.feed("now") + reply.feed("[ARGS]", control=True)
    >>> chunks += reply.feed("{}") + reply.close("stop", prompt_tokens=7)
    >>> chunks[0]["choices"][0]["delta"]["tool_calls"][0]["function"]
    {'name': 'now', 'arguments': '{}'}
    """

    def __init__(self, model: str, *, ends: Collection[str] = ("</s>",), opened: str = "") -> None:
        self._model = model
        self._ends = ends
        self._opened = opened
        self._held = ""
        self._call: _Call | None = None
        self._calls = 0
        self._knows_thoughts = self._in_thought = opened == OPENING
        self._tokens = self._thinking_tokens = 0

    def feed(self, text: str, *, control: bool = False, tokens: int = 1) -> list[Chunk]:
        """Read the next piece: one control token, or text. `tokens` is how many of the model's it stands for."""
        self._tokens += tokens
        self._thinking_tokens += tokens * self._in_thought
        if control and text in self._ends:
            self._held += text  # dropped, unless the model goes on
            return []
        text, control = self._held + text, control and not self._held
        self._held = ""
        if self._call is None and not (control and text == CALL):
            return self._said(text, control)
        if self._call is not None and self._call.add(text, control=control):
            return []
        chunks = self._finished_call()
        if control and text == CALL:
            self._call = _Call(in_thought=self._in_thought)
            return chunks
        return chunks + self._said(text, control)

    def close(self, finish: Literal["stop", "length"], *, prompt_tokens: int) -> list[Chunk]:
        """End the reply: with its last call, why it ended, what was counted, and a note that it is whole."""
        chunks = self._finished_call()
        reason = "tool_calls" if self._calls and finish == "stop" else finish
        counted: dict[str, Any] = {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": self._tokens,
            "total_tokens": prompt_tokens + self._tokens,
        }
        if self._knows_thoughts:
            counted["completion_tokens_details"] = {"reasoning_tokens": self._thinking_tokens}
        last = self._chunk({}, reason)
        usage = {**self._chunk({}), "choices": [], "usage": counted}
        return [*self._opening(), *chunks, last, usage, {"magistral": {"done": True}}]

    def _said(self, text: str, control: bool) -> list[Chunk]:
        if control and text in (OPENING, CLOSING):
            self._in_thought = text == OPENING
            self._knows_thoughts = True
        return [*self._opening(), self._chunk({"content": text})] if text else []

    def _opening(self) -> list[Chunk]:
        opened, self._opened = self._opened, ""
        return [self._chunk({"content": opened})] if opened else []

    def _finished_call(self) -> list[Chunk]:
        """Report the call that was being written; one that is not whole is given back as the text that it was."""
        call, self._call = self._call, None
        if call is None:
            return []
        whole = call.whole()
        if whole is None:
            text = "The model began to call a function, and the call is not whole: it stands in the text as it came."
            notice = {"magistral": {"notice": {"code": "broken_call", "text": text}}}
            return [*self._opening(), notice, self._chunk({"content": call.raw})]
        ended_thought = [self._chunk({"content": CLOSING})] if self._in_thought else []
        self._in_thought = False
        piece = {"index": self._calls, **whole}
        self._calls += 1
        return [*self._opening(), *ended_thought, self._chunk({"tool_calls": [piece]})]

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> Chunk:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {"object": "chat.completion.chunk", "model": self._model, "choices": [choice]}


def fresh_id() -> str:
    """Return an id for a call that was given none: nine letters and digits, as Mistral's formats want them."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(ID_LENGTH))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
