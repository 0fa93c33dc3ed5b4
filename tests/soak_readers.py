"""Reading one stream of the soak, in either colour, and judging what came of it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from magistral_nb import AnswerDelta, Client, Event, MagistralError, Reply, ThinkingDelta
from tests.fake_server import FakeServer, Request, Script
from tests.soak_bodies import draw_body
from tests.soak_plan import Plan, good

MOST_SECONDS = 30.0
"""A stream that takes longer hangs: the clocks of the soak end each much earlier, on a busy machine too."""
AFTERWARDS = 1_000_000
"""The number of a stream's next question is its own and this."""


class SoakServer(FakeServer):
    """Plays to each question what its plan says; the question tells its number as its seed."""

    def __init__(self) -> None:
        super().__init__()
        self.plans: dict[int, Plan] = {}
        self._tries: Counter[int] = Counter()

    def script_for(self, request: Request) -> Script:
        if request.method != "POST":
            return super().script_for(request)
        self.requests.append(request)
        number = request.json()["seed"]
        tried = self._tries[number]
        self._tries[number] += 1
        scripts = self.plans[number].scripts
        return scripts[min(tried, len(scripts) - 1)]


@dataclass
class Outcome:
    """What came of a stream. seen : the words that its reader was given before it stopped."""

    plan: Plan
    colour: str
    began: float
    seconds: float = 0.0
    reply: Reply = field(default_factory=Reply)
    error: BaseException | None = None
    seen: dict[str, str] = field(default_factory=lambda: {"thinking": "", "answer": ""})

    @property
    def name_of_end(self) -> str:
        if self.error:
            return type(self.error).__name__
        return "whole reply" if self.reply.complete else f"stopped ({self.plan.stop})"

    def hear(self, event: Event) -> bool:
        """Take note of an event, and say whether it is a word."""
        match event:
            case ThinkingDelta(text):
                self.seen["thinking"] += text
            case AnswerDelta(text):
                self.seen["answer"] += text
            case _:
                return False
        return True


class StoppedError(Exception):
    """The reader's own error in mid-stream."""


def read(client: Client, plan: Plan, outcome: Outcome) -> None:
    """Ask, read as the plan says, and write down what comes."""
    left = plan.stop_after
    stream = client.stream("hi", seed=plan.number, timeout=plan.timeouts)
    outcome.reply = stream.reply
    try:
        if plan.stop == "forget":
            for event in stream:
                left -= outcome.hear(event)
                if not left:
                    break
            del stream, event
            return
        with stream:
            for event in stream:
                left -= outcome.hear(event)
                if plan.stop_after and not left:
                    _stop(plan.stop, stream.close)
                    break
    except (MagistralError, StoppedError, KeyboardInterrupt) as error:
        outcome.error = _without_frames(error)
    finally:
        outcome.seconds = time.monotonic() - outcome.began


async def aread(client: Client, plan: Plan, outcome: Outcome) -> None:
    """Do the same on the running event loop."""
    left = plan.stop_after
    stream = client.astream("hi", seed=plan.number, timeout=plan.timeouts)
    outcome.reply = stream.reply
    try:
        if plan.stop == "forget":
            async for event in stream:
                left -= outcome.hear(event)
                if not left:
                    break
            del stream, event
            return
        async with stream:
            async for event in stream:
                left -= outcome.hear(event)
                if plan.stop_after and not left:
                    if plan.stop == "close":
                        await stream.close()
                    elif plan.stop == "cancel":
                        asyncio.current_task().cancel()  # type: ignore[union-attr]  # a coroutine runs in a task
                    else:
                        _stop(plan.stop, lambda: None)
                        break
    except (MagistralError, StoppedError, asyncio.CancelledError) as error:
        outcome.error = _without_frames(error)
    finally:
        outcome.seconds = time.monotonic() - outcome.began


def _without_frames(error: BaseException) -> BaseException:
    """Forget where an error came from: a traceback that is kept keeps all that its frames hold, sockets included."""
    inner: BaseException | None = error
    while inner is not None:
        inner.__traceback__ = None
        inner = inner.__cause__ or inner.__context__
    return error


def _stop(how: str, close: Callable[[], None]) -> None:
    if how == "error":
        raise StoppedError
    if how == "close":
        close()


def next_plan(plan: Plan) -> Plan:
    """Return the plan of a question that is asked after a fault, and must be answered."""
    random = Random(plan.number)
    after = good(random, draw_body(random, 12))
    return Plan(after.scripts, after.told, kind="next question", number=plan.number + AFTERWARDS)


def lost(outcome: Outcome) -> int:
    """Return how many characters are missing, or more than were sent."""
    count = 0
    for kind in ("thinking", "answer"):
        sent, kept = getattr(outcome.plan.told, kind), getattr(outcome.reply, kind)
        seen = outcome.seen[kind]
        if outcome.plan.exact:
            count += _difference(sent, kept) + _difference(kept, seen)
        else:  # nobody knows how much had come; whatever was shown is kept, and it is what was sent
            count += _difference(kept[: len(seen)], seen) + _difference(sent[: len(kept)], kept)
    return count


def _difference(one: str, other: str) -> int:
    return abs(len(one) - len(other)) or sum(a != b for a, b in zip(one, other, strict=True))


def wrong(outcome: Outcome) -> list[str]:
    """Return what is wrong about an outcome, in words."""
    plan, error, reply = outcome.plan, outcome.error, outcome.reply
    problems = []
    if characters := lost(outcome):
        problems.append(
            f"{characters} characters lost or added: {plan.told.thinking!r} {plan.told.answer!r} "
            f"became {reply.thinking!r} {reply.answer!r}, shown {outcome.seen}"
        )
    if isinstance(error, MagistralError) or plan.errors:
        if not isinstance(error, plan.errors or ()):
            problems.append(f"the error is {error!r}, and not one of {[one.__name__ for one in plan.errors]}")
        elif plan.told.begun and plan.exact and (error is None or getattr(error, "partial", None) is not reply):
            problems.append("the error does not keep the reply")
    ended = plan.told.ended and plan.exact
    if reply.complete != (ended and not plan.errors):
        problems.append(f"the reply says complete={reply.complete}")
    if outcome.seconds > MOST_SECONDS:
        problems.append(f"it took {outcome.seconds:.1f} s")
    return [f"{outcome.colour} stream {plan.number} ({plan.kind}, {plan.stop}): {problem}" for problem in problems]
