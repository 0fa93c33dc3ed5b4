"""What looks like a key in a text: a registered secret, or a form that a well-known service gives to its keys."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from magistral_nb.scrubbing import holds_secret

_NOT_INSIDE: Final = r"(?<![A-Za-z0-9_/+-])"
"""A key does not begin in the middle of a word, of a path, or of a picture's letters."""
_FORMS: Final = re.compile(
    _NOT_INSIDE + "(?:"
    r"sk-[A-Za-z0-9_-]{16,}"  # OpenAI, Anthropic, OpenRouter, LiteLLM and many others
    r"|[rs]k_live_[A-Za-z0-9]{20,}"  # Stripe
    r"|hf_[A-Za-z0-9]{30,}|gsk_[A-Za-z0-9]{40,}|tgp_v1_[A-Za-z0-9_-]{30,}|r8_[A-Za-z0-9]{36,}"  # services for models
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"  # Amazon
    r"|gh[oprsu]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,}|glpat-[A-Za-z0-9_-]{20,}"  # GitHub, GitLab
    r"|npm_[A-Za-z0-9]{36}|pypi-AgEI[A-Za-z0-9_-]{50,}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,}"  # Slack
    r"|AIza[A-Za-z0-9_-]{35}"  # Google
    r"|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"  # a JSON Web Token
    r"|Bearer [A-Za-z0-9._~+/-]{20,}"
    r"|[A-Z][A-Z0-9_]*_(?:API_KEY|TOKEN|SECRET|SECRET_KEY|ACCESS_KEY)[\"'\])]*\s?[=:]\s?[\"']?[A-Za-z0-9_/+-]{20,}"
    r")|-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"
)
_LEAST_DIGITS: Final = 3
"""Names of classes and functions look much the same, but for the digits."""

_told = False


def holds_key(texts: Iterable[str]) -> bool:
    """Say whether one of the texts holds a registered secret, or what looks like a key.

    >>> holds_key(["Why does sk-learn fail?"])
    False
    """
    return any(holds_secret(text) or any(map(_is_random, _FORMS.finditer(text))) for text in texts)


def notice_of_key(texts: Iterable[str]) -> tuple[str, str] | None:
    """Return code and text of a notice about a key in a prompt, or None: it is told once a session."""
    if _told or not holds_key(texts):
        return None
    return KEY_IN_PROMPT, (
        "The prompt holds a key, or what looks like one. It was sent as it is, so whoever runs the model can read it: "
        "if it is a real key, get a new one. This is said once a session."
    )


def mark_told() -> None:
    """Say no more of keys in prompts in this session."""
    global _told
    _told = True


KEY_IN_PROMPT: Final = "key_in_prompt"


def _is_random(found: re.Match[str]) -> bool:
    return found[0].startswith("-----") or sum(map(str.isdigit, found[0])) >= _LEAST_DIGITS
