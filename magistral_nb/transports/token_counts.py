"""Asking a server how many tokens a text has. OpenAI's protocol has no door for it; some servers do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from magistral_nb.errors import ConfigurationError


def tokenize_url(base_url: str) -> str:
    """Return where llama.cpp, vLLM and SGLang answer: beside `/v1`, not below it.

    >>> tokenize_url("http://127.0.0.1:8000/v1/")
    'http://127.0.0.1:8000/tokenize'
    """
    return f"{base_url.rstrip('/').removesuffix('/v1')}/tokenize"


def tokenize_body(text: str, model: str, *, controls: bool = False) -> dict[str, Any]:
    """Return a question that each of them understands: `content` is llama.cpp's word, `prompt` that of the others."""
    said = {"content": text, "prompt": text}
    return {"model": model, **said, "add_special": False, "add_special_tokens": False, "parse_special": controls}


def tokens_in(answer: object) -> list[Any]:
    """Return the tokens that were counted. Raises ValueError for an answer that tells none."""
    tokens = answer.get("tokens") if isinstance(answer, Mapping) else None
    if not isinstance(tokens, list):
        raise ValueError("the answer holds no list of tokens")
    return tokens


def cannot_count(endpoint: str) -> ConfigurationError:
    """Return the error for a server that has no such door."""
    return ConfigurationError(
        f"{endpoint} does not say how many tokens a text has.",
        hint="llama.cpp, vLLM and SGLang do. Or give tokenizer='…', a tekken.json or the folder of the model.",
    )
