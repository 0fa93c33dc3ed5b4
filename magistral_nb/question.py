"""One question on its way: a request, what reads its reply, and what is known of both when something goes wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from magistral_nb.bills import Bill
from magistral_nb.clock import Clock
from magistral_nb.cut_prompts import notice_of_cut_prompt
from magistral_nb.dialects import Decoder
from magistral_nb.endpoints import Endpoint
from magistral_nb.errors import ContextLengthError, MagistralError
from magistral_nb.events import Event, Notice, Started, Usage
from magistral_nb.explaining import Circumstances, explain
from magistral_nb.journal import Note
from magistral_nb.keys.looks import KEY_IN_PROMPT, mark_told
from magistral_nb.repairing import SAID, FormedAnswer
from magistral_nb.replies import Reply
from magistral_nb.scrubbed_events import ScrubbedEvents
from magistral_nb.transports import Request

LEAST_ROOM = 256
"""An answer gets this much room even where our estimate says that the prompt leaves less, in tokens."""


@dataclass
class Question:
    """A request, and what turns its chunks into events and a reply.

    formed : the end of a reply whose answer must have a form; None for free text.
    """

    request: Request
    decoder: Decoder
    bill: Bill
    reply: Reply
    started: Started
    row: Endpoint
    clock: Clock
    prompt_tokens: int
    asked_max_tokens: int | None
    known_context: int | None
    address_from: str
    note: Note | None
    scrubbed: ScrubbedEvents = field(default_factory=ScrubbedEvents)
    formed: FormedAnswer[Question] | None = None

    @property
    def follow_up(self) -> Question | None:
        """The request that must come next, once it is known: one for an answer that has the form."""
        return self.formed.follow_up if self.formed else None

    def take(self, events: Sequence[Event]) -> Sequence[Event]:
        """Fold events into the reply without secrets, and pass them on, with what the usage tells of the prompt."""
        if not events:
            return events
        return self._fold(self.formed.pass_on(events) if self.formed else events)

    def _fold(self, events: Iterable[Event]) -> Sequence[Event]:
        told: list[Event] = []
        for event in self.scrubbed.take(events):
            told.append(event)
            if isinstance(event, Usage):
                notice = notice_of_cut_prompt(event, self.prompt_tokens, at=event.at)
                told += [notice] if notice else []
        for event in told:
            self.reply.add(event)
            if isinstance(event, Notice) and event.code == KEY_IN_PROMPT:
                mark_told()
        return told

    def begin(self, *, again: bool) -> Sequence[Event]:
        """Say that the question is on its way, once: a question that is asked again had been on its way."""
        return [] if again else self.take([self.started])

    def hear(self, chunk: Mapping[str, Any]) -> Sequence[Event]:
        """Read a chunk, count it, and return its events. Afterwards `is_cut` may say that it was the last."""
        events = self.decoder.feed(chunk)
        self.bill.hear(chunk, events)
        return self.take(events)

    @property
    def is_cut(self) -> bool:
        """Whether the budget ends the reply here; one that is whole already stays so."""
        return self.bill.reached is not None and not self.decoder.ended

    def is_recorded(self, date: str, model: str, endpoint: str) -> None:
        """Say in the reply that a recording answers, and whose words those are. It can be played again: no journal."""
        self.note = None
        self.started = replace(self.started, recorded=date, model=model, endpoint=endpoint)

    def end(self) -> Iterator[Event]:
        """Give out what was held back, and then the end. Raises an error if the reply is not whole."""
        if self.is_cut:
            at = self.clock()
            last = self.decoder.cut("budget", self.bill.usage(at), self.bill.notice(at))
        else:
            yield from self._flush()
            last = self.decoder.close()
        events = self._last(last)
        self._close_bill()
        yield from events
        if self.formed and self.formed.failure:
            raise self.formed.failure

    def _last(self, last: Sequence[Event]) -> Sequence[Event]:
        """Fold the last events in, and return what is told of them; an answer that must have a form is read now."""
        if self.formed is None:
            return self.take(last)
        said = [event for event in last if isinstance(event, SAID)]  # there is some if a budget cut the reply
        rest = [event for event in last if not isinstance(event, SAID)]
        return [*self.take(said), *self._fold(self.formed.settle(rest))]

    def _close_bill(self) -> None:
        self.bill.close(self.formed.billed if self.formed else self.reply)

    def interrupt(self) -> None:
        """Keep what was held back, and mark the reply as stopped by its reader."""
        self._flush()
        self.reply.interrupt(seconds=self.clock())
        self._close_bill()

    def fail(self, error: MagistralError) -> Sequence[Event]:
        """Give an error the facts that its raiser did not know; return the events that were held back."""
        events = self._flush()
        self.reply.seconds = self.clock()
        self._close_bill()
        explain(error, self._circumstances())
        error.request_id = error.request_id or self.reply.request_id
        reply = self.reply
        if error.partial is None and (reply.thinking or reply.answer or reply.tool_calls or reply.usage):
            error.partial = reply
        return events

    def _flush(self) -> Sequence[Event]:
        """Give out what decoder and scrubber held back; an event that is no text has let go of it already."""
        told = self.take(self.decoder.flush())
        held = self.scrubbed.end(self.clock())
        for event in held:
            self.reply.add(event)
        return [*told, *held]

    def _circumstances(self) -> Circumstances:
        started = self.started
        return Circumstances(started.endpoint, started.model, self.address_from, self.prompt_tokens, self.request.body)


def context_to_retry_with(error: ContextLengthError, question: Question) -> int | None:
    """Return the window that the server named, if a lower `max_tokens` would fit a question into it; else None."""
    limit = getattr(error, "limit", None)
    is_known = question.known_context is not None or (question.formed is not None and question.formed.is_second)
    if limit is None or is_known or limit - question.prompt_tokens < LEAST_ROOM:
        return None
    return int(limit)
