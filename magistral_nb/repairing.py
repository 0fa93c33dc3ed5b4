"""An answer that must have a form: whether it has, one more request if it has not, and the error if that fails too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from magistral_nb.errors import ProtocolError
from magistral_nb.events import (
    AnswerDelta,
    Done,
    Event,
    FinishReason,
    Notice,
    Reclassified,
    Started,
    ThinkingDelta,
    ToolCall,
    Usage,
    Waiting,
)
from magistral_nb.messages import Message, Text, assistant, user
from magistral_nb.replies import Reply
from magistral_nb.structured import AnswerForm, MisfitError

SAID = (ThinkingDelta, AnswerDelta, Reclassified, ToolCall)
"""What a model says; all other events are about it."""
_CUT_OFF: tuple[FinishReason, ...] = ("length", "content_filter")
Following = TypeVar("Following")


@dataclass
class FormedAnswer(Generic[Following]):
    """The end of a reply whose answer must have a form.

    begun : the answer's text that stood in the prompt already. ask_again : makes the one request for a better answer.
    usage : of all requests so far; `own_usage` is this one's. is_second : this is that request; `draft_stands` says
    that the reply still has the first one's answer. follow_up : the request that must come next. failure : why there
    is none.
    """

    form: AnswerForm
    reply: Reply
    begun: str
    ask_again: Callable[[MisfitError, Usage | None], Following | None]
    usage: Usage | None = None
    own_usage: Usage | None = None
    is_second: bool = False
    draft_stands: bool = False
    follow_up: Following | None = None
    failure: ProtocolError | None = None

    def pass_on(self, events: Iterable[Event]) -> Iterator[Event]:
        """Return events as they go on with the reply. What was counted waits for the end."""
        for event in self._going_on(events) if self.is_second else events:
            if isinstance(event, Usage):
                self.own_usage = event
                self.usage = _sum(self.usage, event) if self.usage else event
                self.reply.add(self.usage)  # in case that there is no end
            else:
                yield event

    @property
    def billed(self) -> Reply:
        """What this request alone brought, for its bill: the reply itself holds the first one's share as well."""
        if not self.is_second:
            return self.reply
        share = Reply(usage=self.own_usage, recorded=self.reply.recorded)
        share.add(AnswerDelta(self.reply.answer))
        return share

    def _going_on(self, events: Iterable[Event]) -> Iterator[Event]:
        """Make the events of a second request go on with the first: its answer becomes a draft."""
        known = {notice.code for notice in self.reply.notices}
        for event in events:
            if self.draft_stands and isinstance(event, ThinkingDelta | AnswerDelta):
                self.draft_stands = False
                yield Reclassified(event.at)
                if isinstance(event, ThinkingDelta):
                    yield ThinkingDelta("\n\n", event.at)
            if not (isinstance(event, Started | Waiting) or (isinstance(event, Notice) and event.code in known)):
                yield event

    def settle(self, last: Sequence[Event]) -> list[Event]:
        """Read the answer, and return which of the last events are to be told.

        If it does not fit, the end is held back: either `follow_up` is set, or `failure`, which ends the events.
        """
        told = [event for event in self.pass_on(last) if not isinstance(event, Done)]
        counted = [replace(self.usage, at=last[-1].at)] if self.usage else []
        misfit, done = self._read(), last[-1]
        if misfit is None or not isinstance(done, Done) or done.finish_reason == "budget":
            return [*counted, *told, done]  # a budget ends a reply softly: what there is has to do
        cut_off = done.finish_reason if done.finish_reason in _CUT_OFF else ""
        if not self.is_second and not cut_off:
            self.follow_up = self.ask_again(misfit, self.usage)
        if self.follow_up is None:
            self.reply.add(done)  # an error ends the events: this is for the partial reply only
            self.failure = _error(self.form, misfit, cut_off=cut_off, is_second=self.is_second)
            return [*counted, *told]
        return [*told, _notice(self.form, misfit, at=done.at)]

    def _read(self) -> MisfitError | None:
        """Set `reply.parsed`, or return what is wrong. A reply that asks for functions has no answer yet."""
        if self.reply.tool_calls:
            return None
        try:
            self.reply.parsed = self.form.read(self.begun + self.reply.answer)
        except MisfitError as misfit:
            return misfit
        return None


def corrected(messages: Sequence[Message], answer: str, misfit: MisfitError) -> list[Message] | None:
    """Return a conversation that goes on with what is wrong with its answer; None if the reply was begun before."""
    if messages[-1].role == "assistant":
        return None
    faults = "\n".join(f"- {fault}" for fault in misfit.faults)
    complaint = (
        f"That answer does not fit the JSON schema:\n{faults}\n\nGive the whole answer again, as JSON that fits the "
        "schema, and nothing else."
    )
    if answer.strip():
        return [*messages, assistant(answer), user(complaint)]
    if messages[-1].role != "user":
        return [*messages, user(complaint)]
    return [*messages[:-1], Message("user", (*messages[-1].parts, Text(complaint)))]


def _sum(before: Usage, after: Usage) -> Usage:
    """Add up two requests; what one of the two does not know, the sum does not know either."""
    reasoning = (before.reasoning_tokens, after.reasoning_tokens)
    cost = (before.cost, after.cost)
    return replace(
        after,
        prompt_tokens=before.prompt_tokens + after.prompt_tokens,
        completion_tokens=before.completion_tokens + after.completion_tokens,
        estimated=before.estimated or after.estimated,
        reasoning_tokens=None if None in reasoning else sum(filter(None, reasoning)),
        cost=None if None in cost else sum(filter(None, cost)),
    )


def _notice(form: AnswerForm, misfit: MisfitError, *, at: float) -> Notice:
    text = (
        f"The answer did not fit the response_format {form.name} ({misfit}), so the model was asked once more. The "
        "first answer stands in the thinking."
    )
    return Notice("answer_repaired", text, at)


def _error(form: AnswerForm, misfit: MisfitError, *, cut_off: str, is_second: bool) -> ProtocolError:
    kept = "The whole text is in error.partial.answer."
    if cut_off:
        more = "Give it more max_tokens. " if cut_off == "length" else ""
        return ProtocolError(
            f"The answer was cut off (finish_reason {cut_off!r}) before its JSON was whole.", hint=f"{more}{kept}"
        )
    in_vain = " It was asked once more, in vain." if is_second else ""
    return ProtocolError(f"The answer does not fit the response_format {form.name}: {misfit}.{in_vain}", hint=kept)
