"""Mistral's own readers of the chat format, as judges of ours: mistral-common, and the template that it generates.

mistral-common ships no Magistral tokenizer. As in `data/chat_vectors.json`, one is put together from a vocabulary that
it ships and the special tokens of its own test fixture: the text does not depend on it, and the ids show what is a
control token and what is not.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import mistral_common
import numpy
from jinja2 import Template
from jinja2.sandbox import ImmutableSandboxedEnvironment
from mistral_common.integrations.chat_templates.chat_templates import generate_chat_template
from mistral_common.protocol.instruct.request import ChatCompletionRequest
from mistral_common.protocol.instruct.validator import ValidationMode
from mistral_common.tokens.tokenizers import image
from mistral_common.tokens.tokenizers.base import SpecialTokenPolicy, TokenizerVersion
from mistral_common.tokens.tokenizers.mistral import MistralTokenizer
from mistral_common.tokens.tokenizers.tekken import Tekkenizer

VERSIONS = {"2506": "v11", "2507": "v13", "2509": "v13"}
_VOCABULARY = Path(mistral_common.__file__).parent / "data" / "tekken_240911.json"
_LATER = {32: "[ARGS]", 33: "[CALL_ID]"}
_THINK = {35: "[THINK]", 36: "[/THINK]"}
_SPECIALS = 40


@dataclass(frozen=True)
class Judgement:
    """What mistral-common made of a conversation: a text and its ids, or an error."""

    text: str | None
    ids: tuple[int, ...] = ()
    error: str = ""


def judge(
    messages: list[dict[str, Any]],
    revision: str,
    *,
    tools: list[dict[str, Any]] | None = None,
    continue_final: bool = False,
) -> Judgement:
    """Return what mistral-common makes of a conversation. Whatever it raises is a refusal, an assertion too."""
    tokenizer = mistral_tokenizer(VERSIONS[revision])
    try:
        request = ChatCompletionRequest.from_openai(messages, tools=tools, continue_final_message=continue_final)
        ids = tokenizer.encode_chat_completion(request).tokens
    except Exception as error:
        return Judgement(None, error=f"{type(error).__name__}: {getattr(error, 'message', error)}")
    return Judgement(tokenizer.decode(ids, special_token_policy=SpecialTokenPolicy.KEEP), tuple(ids))


def ids_of(parts: list[tuple[Any, str]], revision: str) -> tuple[int, ...]:
    """Return the ids of a prompt's parts, tokenized piece by piece with the judge's own tokenizer."""
    tokenizer = mistral_tokenizer(VERSIONS[revision]).instruct_tokenizer.tokenizer
    ids: list[int] = []
    for kind, text in parts:
        ids += (
            [tokenizer.get_special_token(text)] if kind == "control" else tokenizer.encode(text, bos=False, eos=False)
        )
    return tuple(ids)


def control_ids(ids: tuple[int, ...]) -> tuple[int, ...]:
    """Return those ids that are control tokens."""
    return tuple(token for token in ids if token < _SPECIALS)


@cache
def mistral_tokenizer(version: str) -> Any:
    """Return a tokenizer of a format: the shipped vocabulary with the fixture's special tokens.

    It judges no last message, as the vectors' did not: a prompt may be looked at before the next question is there.
    """
    image.transform_image = _no_pixels
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tekken.json")
        path.write_text(tekken_file(version), "utf-8")
        return MistralTokenizer.from_file(path, mode=ValidationMode.agnostic)


def tekken_file(version: str) -> str:
    """Return the text of that tokenizer's file."""
    data = json.loads(_VOCABULARY.read_text("utf-8"))
    data["config"]["version"] = version
    names = _LATER | (_THINK if version == "v13" else {})
    data["special_tokens"] = [dict(token) for token in Tekkenizer.DEPRECATED_SPECIAL_TOKENS] + [
        {"rank": rank, "token_str": names.get(rank, f"<SPECIAL_{rank}>"), "is_control": True}
        for rank in range(len(Tekkenizer.DEPRECATED_SPECIAL_TOKENS), _SPECIALS)
    ]
    return json.dumps(data)


def _no_pixels(image: Any, new_size: tuple[int, int]) -> Any:
    """Stand in for what needs OpenCV, which is large: pixels play no part here."""
    return numpy.zeros((3, *new_size))


@cache
def official_template(revision: str) -> Template:
    """Return the template that mistral-common generates for a format."""
    version = VERSIONS[revision]
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    environment.globals["raise_exception"] = _raise
    return environment.from_string(
        generate_chat_template(
            spm=False,
            tokenizer_version=TokenizerVersion(version),
            image_support=True,
            audio_support=False,
            thinking_support=version == "v13",
            default_system_prompt=None,
            plain_thinking_support=version == "v11",
            use_special_token_variables=False,
            model_settings_fields=None,
            reasoning_effort_values=None,
            reasoning_effort_default=None,
        )
    )


def _raise(message: str) -> None:
    raise ValueError(message)
