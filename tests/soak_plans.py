"""What happens to each stream of the soak: a kind of fault, drawn from the matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from tests import soak_lines, soak_said
from tests.fake_wire import Script
from tests.soak_bodies import Body, draw_body
from tests.soak_plan import Plan, good


def draw(random: Random, number: int, *, in_tasks: bool) -> Plan:
    """Draw a plan for the stream of this number; `in_tasks` says that it is read by a task of an event loop."""
    kinds = list(KINDS)
    kind = random.choices(kinds, [KINDS[kind][0] for kind in kinds])[0]
    plan = KINDS[kind][1](random, draw_body(random))
    if plan.stop == "cancel" and not in_tasks:
        plan = replace(plan, stop="leave")
    return replace(plan, kind=kind, number=number)


def interrupted(random: Random, number: int) -> Plan:
    """Return a plan for a stream that Ctrl-C ends, at any moment."""
    body = draw_body(random)
    script = Script([body.up_to(body.words).wire], slice=random.randint(20, 200), pause=0.001, end="hold")
    return Plan((script,), body.told(), exact=False, stop="interrupt", kind="interrupted", number=number)


KINDS: dict[str, tuple[int, Callable[[Random, Body], Plan]]] = {
    "good": (16, good),
    "good, gzip": (3, soak_lines.zipped),
    "good, the connection ends anyhow": (5, soak_lines.ends_anyhow),
    "good, slow bytes": (3, soak_lines.slow),
    "cut at any byte": (16, soak_lines.cut),
    "gzip cut at any byte": (4, soak_lines.cut_zip),
    "reset at once": (3, soak_lines.reset_at_once),
    "closed before the status": (3, soak_lines.ends_at_once),
    "falls silent, keep-alive or not": (4, soak_lines.silent),
    "no event in time": (3, soak_lines.no_event),
    "total used up": (2, soak_lines.out_of_time),
    "error in the stream": (7, soak_said.says_error),
    "event that is no JSON": (4, soak_said.no_json),
    "bytes that are no UTF-8": (3, soak_said.no_utf8),
    "web page, 200": (2, soak_said.page),
    "JSON, 200": (3, soak_said.plain),
    "JSON error, 200": (2, soak_said.plain_error),
    "says it is loading": (3, soak_said.loading),
    "status": (9, soak_said.status),
    "429 with Retry-After": (3, soak_said.asks_for_patience),
    "gzip bomb": (1, soak_said.bomb),
    "ends without a word": (1, soak_said.no_word),
    "reader stops": (12, soak_lines.stopped),
}
"""How often each kind is drawn, of about a hundred, and what draws it."""
