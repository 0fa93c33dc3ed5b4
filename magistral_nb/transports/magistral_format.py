"""A Magistral in this process: known by its control tokens, and given our own chat format, part by part."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from magistral_nb.chat_format import Prompt
from magistral_nb.errors import ConfigurationError
from magistral_nb.transports.raw_reply import CLOSING, OPENING

_MAGISTRAL = frozenset({"[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"})
_LATER = "[MODEL_SETTINGS]"
"""Models after Magistral have it: their format is another one."""


def format_of_controls(controls: Collection[str]) -> str | None:
    """Return which of our chat formats a model was trained on, or None; its control tokens say so, whatever its name.

    2509 shares its format with 2507.

    >>> format_of_controls(["[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[THINK]", "[/THINK]"])
    '2507'
    """
    if not set(controls) >= _MAGISTRAL or _LATER in controls:
        return None
    return "2507" if {OPENING, CLOSING} <= set(controls) else "2506"


def refuse_pictures(messages: Sequence[Mapping[str, Any]], *, endpoint: str) -> None:
    """Raise ConfigurationError if a message holds a picture: an engine in this process sees none."""
    contents = [message.get("content") for message in messages]
    parts = [part for content in contents if isinstance(content, list) for part in content]
    if any(isinstance(part, Mapping) and part.get("type") == "image_url" for part in parts):
        raise ConfigurationError(
            f"Client({endpoint!r}) reads no pictures yet.", hint="Ask a server, such as vLLM: Client('vllm')."
        )


def prompt_of(messages: Sequence[Mapping[str, Any]], tools: Any, revision: str) -> tuple[Prompt, str]:
    """Return the prompt of a conversation, and the tag of a thought that it ends in, or "".

    A reply at the end is continued. Raises TemplateError for a conversation that the format refuses.
    """
    continued = messages[-1].get("role") == "assistant"
    prompt = Prompt.render(messages, revision=revision, tools=tools, continue_final=continued)
    last = next((text for kind, text in reversed(prompt.parts) if kind == "control"), "")
    return prompt, OPENING if last == OPENING else ""
