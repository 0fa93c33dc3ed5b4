"""Answers in a form that was asked for: which form, what of an answer is JSON, and what is wrong with it."""

from __future__ import annotations

from magistral_nb.structured.faults import MisfitError
from magistral_nb.structured.form import AnswerForm

__all__ = ["AnswerForm", "MisfitError"]
