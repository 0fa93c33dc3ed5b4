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
    """Return which Magistral Small a model id names: 2506, 2507 or 2509; None if it is plainly no Magistral.

    >>> revision_of("mistralai/Magistral-Small-2509"), revision_of("magistral-small-1.0"), revision_of("gpt-5")
    ('2509', '2506', None)
    """
    model = model.rstrip("/").rpartition("/")[2]  # a folder's name says nothing about a file in it
    for revision in REVISIONS:
        if revision in model:
            return revision
    is_magistral = "magistral" in model.lower()
    if is_magistral:
        for number, revision in _NUMBERS.items():
            if re.search(rf"(?<![\d.]){re.escape(number)}(?![\d.])", model):
                return revision
    if not is_magistral and _NO_MAGISTRAL.search(model):
        return None
    return NEWEST_COMMON
