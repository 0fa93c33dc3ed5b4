"""A request as a cassette knows it: the fields that decide what a model says, without secrets, and their hash."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, Final

from magistral_nb.scrubbing import register, scrub_data

FIELDS: Final = frozenset({
    "model", "messages", "tools", "tool_choice", "parallel_tool_calls", "response_format",
    "temperature", "top_p", "top_k", "min_p", "typical_p", "seed", "stop", "n", "max_tokens", "max_completion_tokens",
    "presence_penalty", "frequency_penalty", "repetition_penalty", "repeat_penalty", "logit_bias",
    "reasoning_effort", "prompt_mode", "think", "chat_template_kwargs", "skip_special_tokens", "ignore_eos",
    "continue_final_message", "add_generation_prompt", "grammar", "guided_json", "guided_regex", "guided_choice",
})  # fmt: skip
"""What is recorded of a request. A list of what is allowed, so that a field nobody thought of stays out."""

_KEY_NAMES = re.compile(r"(_API_KEY|_API_TOKEN|_TOKEN)$")
_DATA_URL = re.compile(r"^data:([\w.+/-]*)[^,]*,")
_IS_PATH = re.compile(r"^([/~.\\]|[A-Za-z]:[\\/])|\.gguf$", re.IGNORECASE)


def canonical_request(body: Mapping[str, Any], *, max_tokens: int | None) -> dict[str, Any]:
    """Return what decides the reply, scrubbed of secrets.

    `max_tokens` is the user's own wish, or None: a length that was computed from the window says nothing about the
    question, and another version or another server would compute another one. A picture is told by its hash, and a
    model that is a file by its name, without the folders of this machine.
    """
    _register_environment()
    request: dict[str, Any] = scrub_data({name: value for name, value in body.items() if name in FIELDS})
    request.pop("max_tokens", None)
    if max_tokens is not None:
        request["max_tokens"] = max_tokens
    request["model"] = shown_model(str(request.get("model") or ""))
    plain: dict[str, Any] = json.loads(canonical_json(_without_pictures(request)))
    return plain


def request_key(request: Mapping[str, Any]) -> str:
    """Return the name of a canonical request: the same question has the same name on every machine."""
    return hashlib.sha256(canonical_json(request).encode("utf-8", "surrogatepass")).hexdigest()


def canonical_json(data: Any) -> str:
    """Return JSON in one spelling: names sorted, no white space, letters as they are."""
    return json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)


def shown_model(model: str) -> str:
    """Return a model's id as it may be shared: of a file or a folder its name alone.

    >>> shown_model("/home/ada/models/Magistral.gguf"), shown_model("mistralai/Magistral-Small-2509")
    ('Magistral.gguf', 'mistralai/Magistral-Small-2509')
    """
    if not _IS_PATH.search(model):
        return model
    return PureWindowsPath(PurePosixPath(model).name).name or model


def question_of(request: Mapping[str, Any]) -> str:
    """Return what the user said last: the words by which people know a request."""
    messages = request.get("messages")
    said = [message for message in messages or () if isinstance(message, dict)] if isinstance(messages, list) else []
    asked = [message for message in said if message.get("role") == "user"] or said
    return text_of(asked[-1].get("content")) if asked else ""


def text_of(content: Any) -> str:
    """Return the text of a message's content, whatever its shape."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(text_of(part) for part in content)
    if isinstance(content, dict):
        return next((text_of(content[name]) for name in ("text", "thinking", "content") if name in content), "")
    return ""


def _register_environment() -> None:
    """Take the environment's keys for secrets, whether they are used or not: a question may have quoted one."""
    for name, value in os.environ.items():
        if _KEY_NAMES.search(name.upper()):
            register(value.strip())


def _without_pictures(value: Any) -> Any:
    if isinstance(value, str):
        found = _DATA_URL.match(value)
        digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest() if found else ""
        return f"data:{found[1]};sha256={digest}" if found else value
    if isinstance(value, Mapping):
        return {str(name): _without_pictures(part) for name, part in value.items()}
    return [_without_pictures(part) for part in value] if isinstance(value, list | tuple) else value
