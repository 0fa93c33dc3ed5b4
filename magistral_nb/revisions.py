"""Which Magistral Small a name stands for: 2506, 2507, 2509, or none."""

from __future__ import annotations

import re

REVISIONS = ("2506", "2507", "2509")
NEWEST_COMMON = "2507"
"""What a Magistral is taken for when nothing says which it is: 2507 and 2509 share format and prompt."""

_NUMBERS = {"1.0": "2506", "1.1": "2507", "1.2": "2509"}
_NO_MAGISTRAL = re.compile(
    r"gpt|llama|qwen|gemma|gemini|claude|phi-?\d|deepseek|smollm|mixtral|ministral|devstral|codestral|pixtral|grok"
    r"|mistral-(small|medium|large|nemo|tiny|7b)|command-|olmo|granite|falcon|yi-|kimi|glm",
    re.IGNORECASE,
)


def revision_of(model: str) -> str | None:
    """Return which Magistral Small a model id means: 2506, 2507 or 2509; None if it is plainly no Magistral.

    >>> revision_of("mistralai/Magistral-Small-2509"), revision_of("magistral-small"), revision_of("gpt-5")
    ('2509', '2507', None)
    """
    named = named_revision(model)
    if named is None and not _is_magistral(model) and _NO_MAGISTRAL.search(_own_name(model)):
        return None
    return named or NEWEST_COMMON


def named_revision(model: str) -> str | None:
    """Return the revision that a model id names, by its date or its version, or None if it names none.

    >>> named_revision("Magistral-Small-2509-Q4_K_M.gguf"), named_revision("magistral-small-1.0")
    ('2509', '2506')
    """
    for revision in REVISIONS:
        if revision in _own_name(model):
            return revision
    for number, revision in _NUMBERS.items() if _is_magistral(model) else ():
        if re.search(rf"(?<![\d.]){re.escape(number)}(?![\d.])", _own_name(model)):
            return revision
    return None


def _own_name(model: str) -> str:
    return model.rstrip("/").rpartition("/")[2]  # a folder's name says nothing about a file in it


def _is_magistral(model: str) -> bool:
    return "magistral" in _own_name(model).lower()
