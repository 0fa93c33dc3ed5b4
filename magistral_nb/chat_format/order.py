"""The rules about who may speak when, and about calls and their results. Broken ones are refused, never mended."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from magistral_nb.chat_format.functions import NAME_RULE, is_function_name
from magistral_nb.chat_format.refusals import refusal
from magistral_nb.chat_format.turns import NO_ID, Turn
from magistral_nb.messages import Role

_MAY_FOLLOW: dict[Role, tuple[Role, ...]] = {
    "system": ("system", "user", "assistant"),
    "user": ("system", "user", "assistant"),
    "assistant": ("user", "assistant", "tool"),
    "tool": ("user", "assistant", "tool"),
}
_NINE = re.compile(r"[a-zA-Z0-9]{9}")


def check_order(turns: Sequence[Turn], *, ids_of_nine: bool, continue_final: bool) -> None:
    """Raise TemplateError for the first message that may not stand where it stands.

    `ids_of_nine` says that the id of a call must be nine letters or digits, as in 2506; later formats take any.
    """
    _check_ends(turns, continue_final)
    for before, turn in pairwise(turns):
        if turn.role not in _MAY_FOLLOW[before.role]:
            allowed = ", ".join(_MAY_FOLLOW[before.role])
            raise _refused(turn, f"it may not follow a message of the role {before.role}; {allowed} may.")
    for turn in turns:
        _check_names(turn)
        _check_ids(turn, ids_of_nine, is_last=turn is turns[-1])
    _check_results(turns)


def _check_ends(turns: Sequence[Turn], continue_final: bool) -> None:
    first, last = turns[0], turns[-1]
    if len(turns) == 1 and first.role not in ("system", "user"):
        raise _refused(first, "a conversation cannot be this one message alone.", hint="Begin it with a question.")
    if continue_final and last.role != "assistant":
        raise _refused(last, "only a message of the assistant can be continued, and this is the last one.")
    for turn in turns[:-1]:
        if turn.continued:
            raise _refused(turn, "only the last message can be a prefix, to be continued.")


def _check_names(turn: Turn) -> None:
    if turn.name is not None and not is_function_name(turn.name):
        raise _refused(turn, f"it comes from {turn.name[:80]!r}, but {NAME_RULE}.")


def _check_ids(turn: Turn, ids_of_nine: bool, *, is_last: bool) -> None:
    ids = [call.id for call in turn.calls]
    if turn.role == "tool":
        if turn.call_id is None:
            raise _refused(turn, "it does not say whose result it is.", hint="Give the tool_call_id of the call.")
        ids = [turn.call_id]
    for call_id in ids:
        if not ids_of_nine and call_id in ("", NO_ID):
            raise _refused(turn, "every call needs an id, and so does its result.")
        never_answered = is_last and turn.role == "assistant" and call_id == NO_ID
        if ids_of_nine and not never_answered and not _NINE.fullmatch(call_id):
            raise _refused(turn, f"the id of a call is nine letters or digits in this format, not {call_id[:80]!r}.")


def _check_results(turns: Sequence[Turn]) -> None:
    """Check that every result answers a call, once, and that the model does not speak again before all are there.

    The first message does not count as a caller: so mistral-common reads it, since nobody has asked anything yet.
    """
    asked: set[str] = set()
    answered: set[str] = set()
    for turn in turns[1:]:
        if turn.role == "tool" and turn.call_id is not None:
            if turn.call_id in answered:
                raise _refused(turn, f"it is the second result of the call {turn.call_id[:80]!r}.")
            if turn.call_id not in asked:
                raise _refused(turn, f"nothing before it made the call {turn.call_id[:80]!r}.")
            answered.add(turn.call_id)
        elif turn.role == "assistant":
            if len(asked) != len(answered):
                raise _refused(turn, "before it, a result is missing: every call needs one.")
            asked, answered = {call.id for call in turn.calls}, set()
            if len(asked) != len(turn.calls):
                raise _refused(turn, "two of its calls have the same id.")


def _refused(turn: Turn, rule: str, *, hint: str = "") -> Exception:
    return refusal(rule, number=turn.number, role=turn.role, hint=hint)
