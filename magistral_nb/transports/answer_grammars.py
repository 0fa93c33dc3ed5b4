"""Grammars for llama.cpp that leave the thought free and hold the answer to a JSON schema.

They are in the language of llguidance, which the build of llama.cpp that we use brings along. Where a build lacks it
there is no grammar of ours: llama.cpp's own way is taken, or the answer is only checked afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

ThoughtTags = tuple[str, str]
"""How a grammar spells the two ends of a thought: a token by its number, or text in quotes."""
PLAIN_TAGS: ThoughtTags = ('"<think>"', '"</think>"')
"""As 2506 writes them."""

_MARK = "%llguidance"
_SENTENCE = r"[A-Z0-9\"'](?:[^.!?<`\n\[\]0-9]|[0-9]+(?:\.[0-9]+)?){2,160}[.!?]"
_COMPACT = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": ", "lenient": True}
"""A small model that may write white space may write it for ever. `lenient`: what cannot be kept is checked later."""


def schema_of(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the JSON schema that a request asks for, or None."""
    wanted = body.get("response_format")
    if not isinstance(wanted, Mapping):
        return None
    if wanted.get("type") == "json_object":
        return wanted.get("schema") or {"type": "object"}
    told = wanted.get("json_schema")
    schema = told.get("schema") if isinstance(told, Mapping) else None
    return schema if isinstance(schema, Mapping) else None


def demo_grammar(schema: Mapping[str, Any]) -> str | None:
    """Return the embedded model's grammar: two to four sentences of thought, as in demo.gbnf, then JSON."""
    if not _knows_llguidance():
        return None
    thought = rf"/{_SENTENCE}( {_SENTENCE}){{1,3}}\n\[\/THINK\]\n/"
    return f"{_MARK} {{}}\nstart: THOUGHT answer\nTHOUGHT: {thought}\n{_answer(schema)}"


def magistral_grammar(schema: Mapping[str, Any], tags: ThoughtTags, *, opened: bool) -> str | None:
    """Return a grammar for a Magistral: any thought, then JSON. `opened` : the prompt has begun the thought."""
    if not _knows_llguidance():
        return None
    opening, closing = tags
    is_text = closing.startswith('"')
    text = rf"TEXT[suffix={closing}]: /(?s:.*)/" if is_text else "TEXT: /(?s:.*)/"
    end = "TEXT" if is_text else f"TEXT {closing}"
    thought = f"thought: {end}" if opened else f"thought: {opening} {end}"
    start = "thought" if opened else "thought?"
    return f"{_MARK} {{}}\nstart: {start} GAP answer\n{thought}\n{text}\nGAP: /\\n{{0,2}}/\n{_answer(schema)}"


def _answer(schema: Mapping[str, Any]) -> str:
    return f"answer: %json {json.dumps({**_without_groups(schema), 'x-guidance': _COMPACT})}\n"


def _without_groups(schema: Any) -> Any:
    """Leave out patterns with `(?…)`: a grammar that llama.cpp cannot read is dropped without a word, as a whole."""
    if isinstance(schema, list):
        return [_without_groups(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    kept = {word: value for word, value in schema.items() if not (word == "pattern" and "(?" in str(value))}
    return {word: _without_groups(value) for word, value in kept.items()}


@cache
def _knows_llguidance() -> bool:
    from magistral_nb.transports.llamacpp_engine import import_xllamacpp

    return str(import_xllamacpp().json_schema_to_grammar({"type": "object"})).startswith(_MARK)
