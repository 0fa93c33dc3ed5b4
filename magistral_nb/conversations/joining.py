"""A reply that was cut off and what came when the model went on with it, as one reply; and what replies cost in all."""

from __future__ import annotations

from collections.abc import Iterable

from magistral_nb.events import Usage
from magistral_nb.replies import Reply


def copied(reply: Reply) -> Reply:
    """Return a reply like another one, which may grow on."""
    return Reply.from_dict(reply.to_dict())


def joined(begun: Reply, more: Reply) -> Reply:
    """Return one reply of two: texts, times, costs and notices of both, and the end of the second."""
    thought = [reply.thinking_seconds for reply in (begun, more) if reply.thinking_seconds is not None]
    both = Reply.from_dict({
        **more.to_dict(),
        "thinking": begun.thinking + more.thinking,
        "answer": begun.answer + more.answer,
        "thinking_seconds": sum(thought) if thought else None,
        "seconds": begun.seconds + more.seconds,
        "recorded": more.recorded or begun.recorded,
    })  # fmt: skip
    both.tool_calls = [*begun.tool_calls, *more.tool_calls]
    both.parsed = more.parsed
    known = {(notice.code, notice.text) for notice in begun.notices}
    missing = [notice for notice in begun.notices if notice.code not in _NO_LONGER_TRUE]
    both.notices = missing + [notice for notice in more.notices if (notice.code, notice.text) not in known]
    both.usage = total([begun, more])
    return both


_NO_LONGER_TRUE = ("no_answer", "empty_reply", "no_thinking")
"""Notices of a reply that had nothing to show, before the model went on."""


def total(replies: Iterable[Reply]) -> Usage | None:
    """Return what replies took in all, as far as servers counted it; None if none did.

    The cost is None if a reply among them has no price: a sum that leaves some out would be a wrong number.
    """
    counted = [reply.usage for reply in replies if reply.usage]
    if not counted:
        return None
    reasoning = [usage.reasoning_tokens for usage in counted if usage.reasoning_tokens is not None]
    costs = [usage.cost for usage in counted if usage.cost is not None]
    return Usage(
        prompt_tokens=sum(usage.prompt_tokens for usage in counted),
        completion_tokens=sum(usage.completion_tokens for usage in counted),
        reasoning_tokens=sum(reasoning) if reasoning else None,
        cost=sum(costs) if len(costs) == len(counted) else None,
        at=counted[-1].at,
        estimated=any(usage.estimated for usage in counted),
    )
