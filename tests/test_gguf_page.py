"""`docs/providers/gguf.md` quotes our errors, and the sizes that we compute for a Magistral."""

from __future__ import annotations

from pathlib import Path

import pytest

from magistral_nb import Client, ConfigurationError
from magistral_nb.endpoints.here import HERE
from magistral_nb.transports.gguf_file import GgufFile
from magistral_nb.transports.memory import Plan, Room, check_room, gigabytes
from tests.test_provider_pages import PAGES, QUOTES, UPDATE, page

MAGISTRAL = GgufFile(
    paths=(Path("Magistral-Small-2509-Q4_K_M.gguf"),),
    size=13_747_823_456,
    architecture="llama",
    names=("Magistral Small 2509",),
    context=131_072,
    layers=40,
    kv_numbers=40 * 8 * (128 + 128),
    width=5_120,
    inner_width=32_768,
    vocabulary=131_072,
    template=None,
    controls=(),
)
"""The numbers of Mistral Small's published config.json; the size is that of such weights in Q4_K_M, computed."""


def failures(home: Path) -> list[str]:
    (home / "models").mkdir()
    (home / "models" / "page.gguf").write_text("<html>")
    told = []
    for name in ("nothing.gguf", "page.gguf"):
        with pytest.raises(ConfigurationError) as caught:
            Client("gguf", model=f"~/models/{name}").chat("Is 91 prime?")
        told.append(f"ConfigurationError: {caught.value}".replace(str(home), "~"))
    with pytest.raises(ConfigurationError) as caught:
        check_room(Plan(MAGISTRAL, 40_960, "f16", 0), Room(16_000_000_000))
    return [*told, f"ConfigurationError: {caught.value}"]


def test_the_page_quotes_our_errors_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    lines = "\n\n".join(failures(tmp_path))
    if UPDATE:
        text = QUOTES.sub(lambda found: found[1] + lines + found[3], page("gguf"))
        (PAGES / "gguf.md").write_text(text, "utf-8")
    quoted = QUOTES.search(page("gguf"))
    assert quoted
    assert quoted[2] == lines


@pytest.mark.parametrize("kv", ["f16", "q8_0"])
def test_the_sizes_are_what_we_compute(kv: str) -> None:
    sizes = [gigabytes(Plan(MAGISTRAL, n_ctx, kv, 0).need.total) for n_ctx in (40_960, 16_384, 8_192)]  # type: ignore[arg-type]  # one of two words
    (line,) = [line for line in page("gguf").splitlines() if line.startswith(f'| `kv="{kv}"`')]
    assert line.endswith(f"| {' | '.join(sizes)} |")


def test_the_default_window_is_that_of_the_row() -> None:
    (row,) = [row for row in HERE if row.name == "gguf"]
    assert row.context == 40_960
    assert "`n_ctx`" in page("gguf")
