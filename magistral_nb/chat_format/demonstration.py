"""The conversations of the embedded demonstration model: questions and replies, and a thought before each reply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from magistral_nb.chat_format.refusals import refusal
from magistral_nb.chat_format.turns import Thinking, Turn
from magistral_nb.messages import Image, Text


def settle_demonstration(turns: Sequence[Turn], *, continue_final: bool) -> list[Turn]:
    """Return the turns as the demonstration model's template spells them, each as it was given.

    Raises TemplateError for what its format has no place for.
    """
    for turn in turns:
        _check(turn, may_stay_open=continue_final and turn is turns[-1])
    last = turns[-1]
    if continue_final and last.role != "assistant":
        rule = "only a message of the assistant can be continued, and this is the last one."
        raise refusal(rule, number=last.number, role=last.role)
    return [_in_order(turn) for turn in turns]


def _check(turn: Turn, *, may_stay_open: bool) -> None:
    if turn.role == "tool" or turn.calls:
        _refuse(turn, "the demonstration model's format has no place for functions and their results.")
    if any(isinstance(piece, Image) for piece in turn.pieces):
        _refuse(turn, "the demonstration model reads no pictures.")
    thoughts = [piece for piece in turn.pieces if isinstance(piece, Thinking)]
    if thoughts and turn.role != "assistant":
        _refuse(turn, "the demonstration model's format has a place for thinking in replies only.")
    if not may_stay_open and not all(thought.closed for thought in thoughts):
        _refuse(turn, "the demonstration model's format closes every thought that is not to be continued.")


def _refuse(turn: Turn, rule: str) -> None:
    raise refusal(rule, number=turn.number, role=turn.role)


def _in_order(turn: Turn) -> Turn:
    """Put the thinking first and the text behind it, as one piece each: its template knows no other order."""
    thinking = (Thinking(turn.thinking),) if turn.thinking else ()
    return replace(turn, pieces=(*thinking, Text(turn.text)))
