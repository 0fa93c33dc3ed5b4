"""How many tokens a text has, and who counted: only the model's own tokenizer is exact, all else is an estimate."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from magistral_nb.errors import ConfigurationError

LETTERS_PER_TOKEN = 3.0
"""English has more than four, and German three; so the estimate is on the safe side."""
_DIGITS = re.compile(r"[0-9]+")
_SIGNS = re.compile(r"[!-/:-@\[-`{-~]+")
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
TOKENS_PER_MESSAGE = 8


@dataclass(frozen=True, slots=True)
class TokenCount:
    """How many tokens, and whether the model's own tokenizer counted them; `by` says in words who did.

    >>> print(TokenCount(1234, exact=False))
    about 1,234 tokens
    """

    total: int
    exact: bool
    by: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{'' if self.exact else 'about '}{self.total:,} token{'' if self.total == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class TokenCounter:
    """Something that counts tokens.

    count : how many a text has; words in it that look like control tokens are text, and none is added.
    by : who counts, in words.
    exact : whether it is, or may be, the model's own tokenizer.
    controls : its control tokens, where they are known: a tokenizer that lacks one of a format is another model's.
    """

    count: Callable[[str], int]
    by: str
    exact: bool = False
    controls: frozenset[str] | None = None


def estimated_tokens(text: str) -> int:
    """Return how many tokens a text has, roughly and rather too many; nothing has none.

    Mistral's vocabulary has a token for every digit, signs stand alone or in pairs, and other scripts take more.

    >>> estimated_tokens(""), estimated_tokens("a"), estimated_tokens("Is 91 prime?")
    (0, 1, 6)
    """
    if not text:
        return 0
    digits, signs = (sum(map(len, kind.findall(text))) for kind in (_DIGITS, _SIGNS))
    foreign = "".join(_FOREIGN.findall(text))
    rare = sum(sign > "\uffff" for sign in foreign)  # emoji above all
    plain = len(text) - digits - signs - len(foreign)
    others = len(foreign.encode("utf-8", "replace")) / 2 + 2 * rare
    return max(1, round(plain / LETTERS_PER_TOKEN + digits + 0.85 * signs + others))


CHARACTERS = TokenCounter(estimated_tokens, "estimated from the length of the text")
"""What counts where there is no tokenizer at all."""


def estimate_tokens(texts: Iterable[str], counter: TokenCounter = CHARACTERS) -> int:
    """Return a cautious estimate of the prompt that these texts, one a message, will make, in tokens.

    >>> estimate_tokens(["Is 91 prime?"])
    14
    """
    return sum(counter.count(text) + TOKENS_PER_MESSAGE for text in texts)


def local_counter(tokenizer: str | Path | None) -> TokenCounter:
    """Return what counts on this machine: the tokenizer that is named, else the best estimate that there is.

    `tokenizer` is a `tekken.json`, a `tokenizer.json`, or a folder that holds one of them. Raises ConfigurationError
    if it is none.
    """
    if tokenizer is not None:
        return _counter_at(_tokenizer_file(Path(tokenizer).expanduser().resolve()))
    return _shipped_vocabulary() if find_spec("mistral_common") else CHARACTERS


@cache
def _counter_at(found: Path) -> TokenCounter:
    by = f"counted by the tokenizer {found}"
    try:
        if found.name.startswith("tekken"):
            return _tekken(found, by=by, exact=True)
        return _hugging_face(found, by)
    except ImportError as error:
        raise ConfigurationError(
            f"Reading {found} needs a package that is not there ({error.name}).",
            hint='pip install "magistral_nb[tokens]"',
        ) from error
    except Exception as error:  # these libraries raise whatever comes, down to bare Exception
        raise ConfigurationError(f"{found} is no tokenizer that can be read: {error}.") from error


def _tokenizer_file(path: Path) -> Path:
    if path.is_file():
        return path
    for name in ("tekken.json", "tokenizer.json"):
        if (path / name).is_file():
            return path / name
    raise ConfigurationError(
        f"There is no tokenizer at {path}.",
        hint="Give a tekken.json, a tokenizer.json, or the folder of a model that holds one of them.",
    )


@cache
def _shipped_vocabulary() -> TokenCounter:
    """Mistral-common ships no Magistral's vocabulary: the one of an earlier model is near, and not the same."""
    import mistral_common

    path = Path(str(mistral_common.__file__)).parent / "data" / "tekken_240911.json"
    if not path.is_file():
        return CHARACTERS
    counter = _tekken(path, by="estimated with the vocabulary of an earlier Mistral model", exact=False)
    return TokenCounter(counter.count, counter.by)


def _tekken(path: Path, *, by: str, exact: bool) -> TokenCounter:
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer

    tokenizer = Tekkenizer.from_file(path)
    return TokenCounter(
        lambda text: len(tokenizer.encode(text, bos=False, eos=False)),
        by=by,
        exact=exact,
        controls=frozenset(tokenizer.id_to_piece(token) for token in tokenizer.special_ids),
    )


def _hugging_face(path: Path, by: str) -> TokenCounter:
    from tokenizers import Tokenizer

    tokenizer: Any = Tokenizer.from_file(str(path))
    tokenizer.encode_special_tokens = True  # words that look like control tokens are text
    controls = frozenset(token.content for token in tokenizer.get_added_tokens_decoder().values() if token.special)
    return TokenCounter(
        lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids), by=by, exact=True, controls=controls
    )
