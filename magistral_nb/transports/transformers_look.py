"""Which Magistral a model of `transformers` is, told by its name and its files; nothing is loaded or fetched for it."""

from __future__ import annotations

from pathlib import Path

from magistral_nb.errors import ConfigurationError
from magistral_nb.revisions import NEWEST_COMMON, revision_of

_TOKENIZER_FILES = ("tekken.json", "tokenizer.json", "tokenizer_config.json")
_SIGNS = ('"[INST]"', '"[SYSTEM_PROMPT]"', '"[THINK]"')
"""Control tokens that only a Magistral since 2507 has all of; earlier ones are known by their names."""


def revision_of_model(model: str) -> str | None:
    """Return 2506, 2507 or 2509, or None: a folder of any other model must not get Magistral's system prompt.

    >>> revision_of_model("mistralai/Magistral-Small-2506"), revision_of_model("HuggingFaceTB/SmolLM2-135M-Instruct")
    ('2506', None)
    """
    path = Path(model).expanduser()
    if path.suffix == ".gguf":
        return _of_gguf(path)
    if "magistral" in path.name.lower():
        return revision_of(path.name)
    return NEWEST_COMMON if path.is_dir() and _has_signs(path) else None


def _has_signs(folder: Path) -> bool:
    files = [folder / name for name in _TOKENIZER_FILES if (folder / name).is_file()]
    texts = [file.read_text("utf-8", "replace") for file in files]
    return all(any(sign in text for text in texts) for sign in _SIGNS)


def _of_gguf(path: Path) -> str | None:
    from magistral_nb.transports.gguf_file import read_gguf

    try:
        return read_gguf((path,)).revision
    except ConfigurationError:  # loading says what is wrong with it
        return None
