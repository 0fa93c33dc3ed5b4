"""Prompts that a server cut without a word: Ollama does so where its window is small (ollama#4967, #17889)."""

from __future__ import annotations

from magistral_nb.events import Notice, Usage

USUAL_WINDOWS = frozenset({2048, 4096, 8192, 16384, 32768})
"""What servers are set to when nobody said anything, in tokens."""
_MUCH_LESS = 2.5
"""Our estimate is cautious: ordinary text has up to 1.5 times fewer tokens than it says."""
_LESS = 1.2
_LEAST_MISSING = 1_000


def notice_of_cut_prompt(usage: Usage, expected: int, *, at: float) -> Notice | None:
    """Return what to tell the reader if a server counted far fewer tokens than the prompt should have, else None.

    `expected` is our own estimate of the prompt, in tokens. A count that exactly fills a usual window is a sign too.

    >>> notice_of_cut_prompt(Usage(4000, 96), 9_000, at=0.0).code
    'prompt_cut'
    """
    counted = usage.prompt_tokens
    fills_a_window = bool(USUAL_WINDOWS & {counted, counted + usage.completion_tokens})
    suspicious = expected > counted * (_LESS if fills_a_window else _MUCH_LESS)
    if counted <= 0 or not suspicious or expected - counted < _LEAST_MISSING:
        return None
    return Notice(
        "prompt_cut",
        f"The server counted {counted:,} tokens in a prompt that should have about {expected:,}: it may have cut off "
        "the rest and said nothing. Start it with a larger window (Ollama: OLLAMA_CONTEXT_LENGTH=40960).",
        at,
    )
