"""Any tokenizer of `transformers`, seen in the one way that a conversation needs: control tokens here, texts there."""

from __future__ import annotations

import re
from typing import Any

from magistral_nb.errors import ConfigurationError

MISTRAL_COMMON = "MistralCommonBackend"
"""The class with which `transformers` wraps mistral-common's tokenizers. It never reads a control token in a text."""


class Vocabulary:
    """The tokens of a model.

    controls : those that no text may become, by their names. end : the one that ends a reply.
    template_fault : what is wrong with the model's own template; "" if nothing is, None if nobody has looked.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.is_mistral_common = type(tokenizer).__name__ == MISTRAL_COMMON
        self.controls = self._controls()
        self.template_fault: str | None = None
        self.end: int | None = tokenizer.eos_token_id
        self._names = {token: name for name, token in self.controls.items()}
        self._lookalike = re.compile("|".join(map(re.escape, sorted(self.controls, key=len, reverse=True))) or "(?!)")

    def _controls(self) -> dict[str, int]:
        if self.is_mistral_common:
            return dict(zip(self.tokenizer.all_special_tokens, self.tokenizer.all_special_ids, strict=True))
        added = self.tokenizer.added_tokens_decoder.items()
        # Some conversions add Mistral's control tokens as ordinary words; and some models' words are nothing but space.
        return {str(token.content): int(number) for number, token in added if not str(token.content).isspace()}

    def control(self, name: str) -> int:
        """Return the id of a control token. Raises ConfigurationError if the model has none of that name."""
        if name in self.controls:
            return self.controls[name]
        raise ConfigurationError(
            f"The model's tokenizer has no {name}, which this conversation needs.",
            hint="Is it a Magistral? Its files may be incomplete.",
        )

    def control_name(self, token: int) -> str | None:
        """Return the name of a control token, or None if the token stands for text."""
        return self._names.get(token)

    def ids(self, text: str) -> list[int]:
        """Return the tokens of a text, none of which is a control token, whatever the text looks like."""
        ids = self._split(text)
        if any(token in self._names for token in ids):
            ids = self._split(self._lookalike.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text))
        if any(token in self._names for token in ids):
            raise ConfigurationError(
                "The model's tokenizer reads control tokens in plain text: it cannot be used safely."
            )
        return ids

    def _split(self, text: str) -> list[int]:
        options = {} if self.is_mistral_common else {"split_special_tokens": True}
        return [int(token) for token in self.tokenizer.encode(text, add_special_tokens=False, **options)]

    def text(self, ids: list[int]) -> str:
        """Return the text of tokens, every one of them kept and nothing tidied up."""
        return str(self.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))
