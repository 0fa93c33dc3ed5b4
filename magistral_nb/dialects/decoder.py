"""Chunks in, events out: the one reader for every way a server spells thinking. What arrives decides, not a name.

Chunks are JSON data, so plain `dict` and `list` are asked for: asking for abstract types costs microseconds a chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from magistral_nb.costs import Price
from magistral_nb.dialects.accounts import Accounts
from magistral_nb.dialects.half_characters import HalfCharacters, whole_characters
from magistral_nb.dialects.inline_tags import InlineTags
from magistral_nb.dialects.parts import THINKING_FIELDS, content_pieces, thinking_text
from magistral_nb.dialects.tags import Kind, Piece
from magistral_nb.dialects.tool_pieces import ToolPieces
from magistral_nb.dialects.trailing_token import TrailingToken
from magistral_nb.errors import ConnectionLostError, ProtocolError, ServerStreamError
from magistral_nb.events import (
    AnswerDelta,
    Done,
    Event,
    FinishReason,
    Notice,
    Reclassified,
    ThinkingDelta,
    Usage,
    Waiting,
)

FINISH_REASONS: Mapping[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}

_DELTAS: Mapping[Kind, Callable[[str, float], Event]] = {
    Kind.THINKING: ThinkingDelta,
    Kind.ANSWER: AnswerDelta,
    Kind.RECLASSIFIED: lambda _, at: Reclassified(at),
}
_ERROR = "error"
"""The finish reason of OpenRouter and Mistral for a reply that failed on the way."""
_IN_LIST = "content.thinking"
"""Our name for the thinking inside a content list, which is one more field that may tell it."""
_MOST_TOKENS = 10**12
"""A count above this is no count."""


class Decoder:
    """Reads the chunks of one reply. `now` tells the seconds since the request was sent.

    `opened_thought` says that the prompt ended inside a thought; `expects_thinking` asks for a notice when none comes,
    with `no_thinking_hint` as its cure. `opening_notices` are (code, text) of what is known before the first word;
    `price` gives usage its cost.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float] = lambda: 0.0,
        opened_thought: bool = False,
        expects_thinking: bool = False,
        no_thinking_hint: str = "",
        opening_notices: Sequence[tuple[str, str]] = (),
        price: Price | None = None,
    ) -> None:
        self._now = now
        self._expects_thinking = expects_thinking
        self._no_thinking_hint = no_thinking_hint
        self._opening_notices = list(opening_notices)
        self._price = price
        self._halves = HalfCharacters()
        self._thinking = Accounts()
        self._structured = Accounts()
        self._inline = InlineTags(lambda: self._structured.text, opened=opened_thought)
        self._trailing = TrailingToken()
        self._tool_calls = ToolPieces()
        self._usage: Mapping[str, Any] | None = None
        self._finish: str | None = None
        self._request_id: str | None = None
        self._chunks = self._choices = 0
        self._server_said_done = False
        self._any_thinking = self._any_answer = False

    @property
    def ended(self) -> bool:
        """Whether the reply is whole: a finish reason or `[DONE]` has come. What breaks after that breaks nothing."""
        return self._finish != _ERROR and (self._finish is not None or self._server_said_done)

    def feed(self, chunk: Mapping[str, Any]) -> list[Event]:
        """Read one chunk, of a stream or a whole reply, and return what it tells.

        Raises ProtocolError if the chunk is nested too deeply to read.
        """
        if "magistral" in chunk:
            return self._transport_note(chunk["magistral"])
        self._chunks += 1
        usage = chunk.get("usage")
        if isinstance(usage, dict):
            self._usage = usage
        choices = chunk.get("choices")
        choice = _first_choice(choices) if isinstance(choices, list) and choices else None
        if choice is None:
            return []
        self._choices += 1
        finish = choice.get("finish_reason")
        if isinstance(finish, str) and finish:
            self._finish = whole_characters(finish)
        said = choice.get("delta") or choice.get("message")
        try:
            events = self._read(said) if isinstance(said, dict) else []
        except RecursionError as error:
            raise ProtocolError(
                "The server sent a part of the reply that is nested too deeply to read.",
                hint="What had arrived is in .partial; tell the people who run the server.",
            ) from error
        return self._opening() + events if events and self._opening_notices else events

    def flush(self) -> list[Event]:
        """Return what was held back: text that might have become a tag, tool calls, usage. Nothing may follow.

        Of a reply that has not ended, only the tool calls whose arguments are complete JSON are given out.
        """
        at = self._now()
        halves = self._halves.close()
        last = halves.pop("content", "")
        events = self._structured_thinking(list(halves.items()), at) if halves else []
        rest = self._trailing.close(last)
        pieces = self._inline.feed(rest) if rest else []
        events += self._inline_events([*pieces, *self._inline.close()], at)
        return [*self._opening(), *events, *self._counted(at)]

    def _counted(self, at: float) -> list[Event]:
        """Return the tool calls and the usage, each once: they stand at the end of a reply, broken off or not."""
        calls = self._tool_calls.give_out(at, all_of_them=self.ended)
        usage, self._usage = self._usage, None
        return [*calls, self._usage_event(usage, at)] if usage else [*calls]

    def close(self) -> list[Event]:
        """End the reply in order. A finish reason or `[DONE]` ends it, even if the connection breaks afterwards.

        Raises ConnectionLostError if it ended with neither a finish reason nor `[DONE]`, ServerStreamError if the
        reason is an error, and ProtocolError if no chunk ever held a choice. Call `flush` first: what it returns
        belongs to the reply in any case.
        """
        if self._finish == _ERROR:
            raise ServerStreamError(
                "The server ended the reply with an error and gave no reason.",
                hint="What had arrived is in .partial; ask again to get a whole reply.",
            )
        if not self.ended:
            raise ConnectionLostError(
                "The reply broke off: neither a finish reason nor [DONE] came.",
                hint="What had arrived is in .partial; ask again to get a whole reply.",
            )
        if not self._choices:
            raise ProtocolError(
                f"The server sent {self._chunks} chunks, and none held a reply.",
                hint="Check that the address is an OpenAI-compatible /v1 and that the model can chat.",
            )
        at = self._now()
        finish = FINISH_REASONS.get(self._finish or "", "unknown")
        notices = [Notice(code, text, at) for code, text in self._last_words(finish)]
        return [*self._counted(at), *notices, Done(finish, self._finish, self._request_id, at)]

    def cut(self, finish: FinishReason, usage: Usage, notice: Notice) -> list[Event]:
        """End a reply that its asker stops: what was held back, the asker's own count, and why. Nothing may follow."""
        self._usage = None
        return [*self.flush(), usage, notice, Done(finish, None, self._request_id, self._now())]

    def _opening(self) -> list[Event]:
        told, self._opening_notices = self._opening_notices, []
        return [Notice(code, text, self._now()) for code, text in told]

    def _transport_note(self, note: Mapping[str, Any]) -> list[Event]:
        self._request_id = note.get("request_id", self._request_id)
        self._server_said_done = self._server_said_done or bool(note.get("done"))
        if "waiting" in note:
            return [Waiting(**note["waiting"], at=self._now())]
        if "notice" in note:
            return [Notice(**note["notice"], at=self._now())]
        return []

    def _read(self, said: Mapping[str, Any]) -> list[Event]:
        content = said.get("content")
        mend = self._halves.mend
        told = [
            (name, text) for name in THINKING_FIELDS if name in said and (text := mend(name, thinking_text(said[name])))
        ]
        if said.get("tool_calls") or said.get("function_call"):
            self._tool_calls.hear(said.get("tool_calls"), said.get("function_call"))
        if not told and not content:
            return []
        if isinstance(content, list | dict):
            pieces = content_pieces(content if isinstance(content, list) else [content])
            thought = mend(_IN_LIST, "".join(text for kind, text in pieces if kind is Kind.THINKING))
            told += [(_IN_LIST, thought)] if thought else []
            content = "".join(text for kind, text in pieces if kind is Kind.ANSWER)
        at = self._now()
        events = self._structured_thinking(told, at) if told else []
        if isinstance(content, str) and content:
            text = self._trailing.feed(mend("content", content))
            if text:
                events += self._inline_events(self._inline.feed(text), at)
        return events

    def _structured_thinking(self, told: list[tuple[str, str]], at: float) -> list[Event]:
        new = self._structured.hear(told)
        new = self._thinking.hear([("structured", new)]) if new else ""
        if not new:
            return []
        self._any_thinking = True
        return [ThinkingDelta(new, at)]

    def _inline_events(self, pieces: Sequence[Piece], at: float) -> list[Event]:
        events: list[Event] = []
        for kind, text in pieces:
            if kind is Kind.THINKING:
                text = self._thinking.hear([("inline", text)])
                if not text:
                    continue
                self._any_thinking = True
            elif kind is Kind.ANSWER:
                self._any_answer = self._any_answer or not text.isspace()
            else:
                self._any_thinking, self._any_answer = self._any_answer, False
            events.append(_DELTAS[kind](text, at))
        return events

    def _usage_event(self, usage: Mapping[str, Any], at: float) -> Usage:
        details = usage.get("completion_tokens_details")
        reasoning = details.get("reasoning_tokens") if isinstance(details, dict) else None
        prompt, completion = (_count(usage.get(name)) or 0 for name in ("prompt_tokens", "completion_tokens"))
        cost = self._price.cost(prompt_tokens=prompt, completion_tokens=completion) if self._price else None
        return Usage(prompt, completion, _count(reasoning), cost, at)

    def _last_words(self, finish: FinishReason) -> list[tuple[str, str]]:
        """What the reader must know about a reply that has a part missing."""
        if self._any_answer:
            missed = self._expects_thinking and not self._any_thinking
            text = "The reply holds no thinking that could be told apart."
            return [("no_thinking", f"{text} {self._no_thinking_hint}".strip())] if missed else []
        if self._tool_calls:
            return []
        if finish == "content_filter":
            code = "no_answer" if self._any_thinking else "empty_reply"
            return [(code, "The server's content filter held the answer back: ask in other words.")]
        if not self._any_thinking:
            return [("empty_reply", "The model said nothing at all. Ask again, or try another seed or prompt.")]
        if finish == "length":
            return [("no_answer", "The model ran out of tokens while it was thinking: raise max_tokens.")]
        text = "The model stopped after its thinking and gave no answer."
        return [("no_answer", f"{text} The server may have taken the answer for thinking: read it there.")]


def _first_choice(choices: list[Any]) -> dict[str, Any] | None:
    """Return the choice with index 0: a server that is asked for one may still send others, in any order."""
    for choice in choices:
        if isinstance(choice, dict) and not choice.get("index"):
            return choice
    return None


def _count(value: object) -> int | None:
    """Return a count of tokens, or None for what is none: NaN and infinity too can stand in JSON as Python reads it."""
    if isinstance(value, str) and value.isdecimal() and len(value) < len(str(_MOST_TOKENS)):
        return int(value)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return int(value) if 0 <= value <= _MOST_TOKENS else None
