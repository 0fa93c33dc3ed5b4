"""The page of the provider quotes our errors word for word.

`MAGISTRAL_UPDATE_DOCS=1 make test-transformers` writes the quotes anew.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from magistral_nb import MagistralError
from tests.test_provider_pages import PAGES, QUOTES, UPDATE
from tests.transformers.conftest import AskClient
from tests.transformers.tiny_models import WINDOW


def told(ask: AskClient, folder: Path, question: str = "Is 91 prime?") -> str:
    """The one line that a notebook shows."""
    with pytest.raises(MagistralError) as caught:
        ask(folder).chat(question)
    return f"{type(caught.value).__name__}: {' '.join(str(caught.value).split())}"


def failures(ask: AskClient, llama: Path, tmp_path: Path) -> Iterator[str]:
    """Yield what people read without PyTorch, without safetensors, without a template, and with too long a prompt."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "torch", None)
        yield told(ask, llama)
    for name, spoil in (("pickled", "model.safetensors"), ("base-model", "chat_template.jinja")):
        folder = Path(shutil.copytree(llama, tmp_path / name))
        (folder / spoil).rename(folder / "pytorch_model.bin")
        yield told(ask, folder)
    yield told(ask, llama, "why " * 2 * WINDOW)


def test_the_page_quotes_our_errors_as_they_are(ask: AskClient, llama_folder: Path, tmp_path: Path) -> None:
    lines = "\n\n".join(failures(ask, llama_folder, tmp_path))
    page = PAGES / "transformers.md"
    if UPDATE:
        page.write_text(QUOTES.sub(lambda found: found[1] + lines + found[3], page.read_text("utf-8")), "utf-8")
    quoted = QUOTES.search(page.read_text("utf-8"))
    assert quoted
    assert quoted[2] == lines
