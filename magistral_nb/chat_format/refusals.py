"""How the chat format says no: which message it is, and which rule it breaks."""

from __future__ import annotations

from magistral_nb.errors import TemplateError


def refusal(rule: str, *, number: int, role: str, hint: str = "") -> TemplateError:
    """Return the error for one message; messages are counted from 1.

    >>> str(refusal("it is empty.", number=2, role="assistant"))
    'Message 2 (assistant): it is empty.'
    """
    return TemplateError(f"Message {number} ({role}): {rule}", hint=hint)
