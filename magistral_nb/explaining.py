"""What the asker knows about a failure and the wire does not: where the address came from, and how large it all was."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from magistral_nb.errors import (
    APIConnectionError,
    BadRequestError,
    ContextLengthError,
    MagistralError,
    PermissionDeniedError,
)

_SCHEMA = re.compile(r"response_format|json_schema|schema|grammar|structured", re.IGNORECASE)
_NO_SCHEMAS = (
    "Where a server takes no response_format, say json_schema=False in its Endpoint, or json_schema = false in a "
    "settings file: then the answer is only checked."
)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What was asked, where, and why there. prompt_tokens : our own estimate of the prompt."""

    endpoint: str
    model: str
    address_from: str
    prompt_tokens: int
    body: Mapping[str, Any]


def explain(error: MagistralError, about: Circumstances) -> None:
    """Add to an error what is known of the question. Its message stays; the hint says more."""
    error.endpoint = error.endpoint or about.endpoint
    error.model = error.model or about.model
    if added := _more(error, about):
        error.hint = f"{error.hint} {added}".strip()


def _more(error: MagistralError, about: Circumstances) -> str:
    match error:
        case ContextLengthError():
            return _sizes(error, about)
        case BadRequestError() if "413" in error.message:
            characters = len(json.dumps(about.body["messages"], ensure_ascii=False))
            return f"The messages have {characters:,} characters: leave out old turns, pictures or pasted files."
        case BadRequestError() if "response_format" in about.body and _SCHEMA.search(error.message):
            return _NO_SCHEMAS
        case PermissionDeniedError():
            return f"The model was {about.model}."
        case APIConnectionError() if about.address_from:
            return f"The address comes from {about.address_from}."
    return ""


def _sizes(error: ContextLengthError, about: Circumstances) -> str:
    asked = int(about.body.get("max_tokens") or 0)
    explains_it = error.limit is None or about.prompt_tokens + asked > error.limit  # else our estimate was wrong
    sizes = [
        f"the window has {error.limit:,} tokens" if error.limit else "",
        f"the prompt has about {about.prompt_tokens:,} tokens" if explains_it else "",
        f"max_tokens asks for {asked:,}" if asked else "",
    ]
    told = ", ".join(size for size in sizes if size)
    return f"{told[:1].upper()}{told[1:]}." if told else ""
