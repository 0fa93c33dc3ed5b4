"""`docs/providers/` says what the rows say, and quotes our errors word for word.

`MAGISTRAL_UPDATE_DOCS=1 pytest tests/test_provider_pages.py` writes the table's first cells and the quotes anew.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from magistral_nb import ENDPOINTS, Client, Endpoint, MagistralError
from magistral_nb.endpoints.hosted import HOSTED
from magistral_nb.transports import llamacpp_sharing
from magistral_nb.transports.gguf_file import read_gguf
from magistral_nb.transports.gpus import WHEELS
from magistral_nb.transports.memory import Plan, Room, gigabytes, memory_text
from tests.fake_server import FakeServer
from tests.gguf_writer import header, magistral, write
from tests.provider_samples import BREAKS, SENDS

PAGES = Path(__file__).parents[1] / "docs" / "providers"
UPDATE = bool(os.environ.get("MAGISTRAL_UPDATE_DOCS"))  # read before the tests clean the environment
SERVERS = [name for name, row in ENDPOINTS.items() if row.engine == "http"]
STARTED = ("", "as you start it")
OF_ITS_OWN = {
    "transformers": ("a name on the hub, or a folder", "the model's own"),
    "llamacpp": ("the path of your file", ""),
}
"""Model and window where they are whatever somebody asks for."""
QUOTES = re.compile(r"(?<=## What its failures look like\n)(.*?```text\n)(.*?)(\n```)", re.DOTALL)


def page(name: str) -> str:
    return (PAGES / f"{name}.md").read_text("utf-8")


def facts(row: Endpoint) -> list[str]:
    """The first cells of a row in the table: page, address, key, model, price, window."""
    key = f"`{row.key_env}`" if row.key_env else "none"
    if row.key_env and not row.key_needed:
        key += ", if it was started with a key"
    if row.key_needed and not row.key_counts:
        key += ", when named"
    price = f"${row.price.prompt:.2f} / ${row.price.completion:.2f}" if row.price else "not known"
    return [
        f"[{row.name}]({row.name}.md)",
        f"`{row.base_url}`" if row.base_url else "in this process",
        key,
        f"`{row.model}`" if row.model else OF_ITS_OWN.get(row.engine, ("the name of your endpoint",))[0],
        price if row in HOSTED else "yours to run",
        f"{row.context:,}" if row.context else "not known" if row in HOSTED else OF_ITS_OWN.get(row.engine, STARTED)[1],
    ]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def test_the_table_says_what_the_rows_say() -> None:
    text = page("index")
    lines = [line for line in text.splitlines() if re.match(r"\| \[[\w-]+\]\([\w-]+\.md\) \| (`http|in this)", line)]
    if UPDATE:
        for line, row in zip(lines, ENDPOINTS.values(), strict=True):
            text = text.replace(line, f"| {' | '.join([*facts(row), *cells(line)[6:]])} |")
        (PAGES / "index.md").write_text(text, "utf-8")
    assert [cells(line)[:6] for line in lines] == [facts(row) for row in ENDPOINTS.values()]
    for line in lines:
        arrives, checked = cells(line)[6:]
        assert arrives
        assert checked.startswith(("not checked", "yes"))


@pytest.mark.parametrize("name", ENDPOINTS)
def test_a_page_shows_how_to_ask(name: str) -> None:
    text = page(name)
    assert f'Client("{name}"' in text
    assert f"%%magistral -e {name}" in text
    assert "## What was checked" in text
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        ast.parse(block)


@pytest.mark.parametrize("name", SERVERS)
def test_a_page_repeats_the_facts_of_its_row(name: str) -> None:
    _, address, key, model, price, window = facts(ENDPOINTS[name])
    for fact in (address, key, model, price, window):
        assert f"| {fact} |" in page(name)


@pytest.mark.parametrize("name", SERVERS)
def test_a_page_names_the_samples_that_were_played(name: str) -> None:
    for sample in (*SENDS[name], *BREAKS[name]):
        assert f"| `{sample}` |" in page(name)


def told(row: Endpoint, *, with_key: bool = True) -> str:
    """The one line that a notebook shows; … stands for words that are not ours."""
    client = Client(row, model=None if row.model else "my-endpoint", max_retries=0)
    with pytest.MonkeyPatch.context() as patch:
        if with_key and row.key_env:
            patch.setenv(row.key_env, "sk-a-key-of-yours")
        with pytest.raises(MagistralError) as caught:
            client.chat("Is 91 prime?")
    line = f"{type(caught.value).__name__}: {' '.join(str(caught.value).split())}"
    line = line.replace(row.base_url, ENDPOINTS[row.name].base_url)
    return re.sub(r"(reached: ).*?refused\.", r"\1…", line)


def failures(row: Endpoint) -> Iterator[str]:
    """Yield what people read when the key is missing or wrong, the model is unknown, or nobody listens."""
    if row.key_needed:
        yield told(row, with_key=False)
    with FakeServer() as server:
        here = replace(row, base_url=server.base_url)
        for status in (401, 404) if row.key_env else (404,):
            server.play_json({"error": {"message": "…"}}, status=status)
            yield told(here)
    yield told(here)


def failures_of_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Yield what people read whose own file is not there, damaged, too large, or has a chat template that is wrong."""

    def refused(client: Client, question: Any = "Is 91 prime?") -> str:
        with pytest.raises(MagistralError) as caught:
            client.chat(question)
        line = f"{type(caught.value).__name__}: {' '.join(str(caught.value).split())}"
        return line.replace(str(folder), "…").replace(f"{len(cut):,} bytes", "9,000,000,000 bytes")

    name = "Magistral-Small-2509-Q4_K_M.gguf"
    whole, cut = header(magistral()), header(magistral())[:-70]
    yield refused(Client("gguf"))
    yield refused(Client("gguf", model=str(folder / name)))
    (path,) = write(folder / name, cut)
    yield re.sub(r"at byte [\d,]+", "at byte …", refused(Client("gguf", model=str(path))))
    loses = "{% for m in messages %}{% if not m.reasoning_content %}{{ m.content }};{% endif %}{% endfor %}"
    write(path, header(magistral(tokenizer__chat_template=loses)))
    yield refused(Client("gguf", model=str(path)))
    write(path, whole)
    large = replace(read_gguf((path,)), size=14_333_908_832)
    monkeypatch.setattr(llamacpp_sharing, "read_gguf", lambda paths: large)
    monkeypatch.setattr(llamacpp_sharing, "usable_cards", lambda xllamacpp: ())
    monkeypatch.setattr(llamacpp_sharing, "unused_card_advice", lambda: "")
    monkeypatch.setattr(llamacpp_sharing, "import_xllamacpp", lambda: None)
    monkeypatch.setattr(llamacpp_sharing, "free_memory", lambda: 19_000_000_000)
    yield refused(Client("gguf", model=str(path)))
    monkeypatch.setattr(llamacpp_sharing, "free_memory", lambda: 11_000_000_000)
    yield refused(Client("gguf", model=str(path)))


def test_the_page_of_files_quotes_our_errors_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compare_quotes("gguf", "\n\n".join(failures_of_files(tmp_path, monkeypatch)))


def test_the_page_of_files_says_what_will_be_said_before_loading(tmp_path: Path) -> None:
    (path,) = write(tmp_path / "Magistral-Small-2509-Q4_K_M.gguf", header(magistral()))
    plan = Plan(replace(read_gguf((path,)), size=14_333_908_832), 40_960, "f16", 0)
    assert f"```text\n{memory_text(plan, Room(27_500_000_000))}\n```" in page("gguf")
    smaller, packed = replace(plan, n_ctx=16_384), replace(plan, kv="q8_0")
    for other in (smaller, packed):
        assert f"{gigabytes(plan.need.cache)} become {gigabytes(other.need.cache)}" in page("gguf")
    for command in re.findall(r"--index-url (\S+)", page("gguf")):
        assert command.startswith(WHEELS)


@pytest.mark.parametrize("name", SERVERS)
def test_a_page_quotes_our_errors_as_they_are(name: str) -> None:
    compare_quotes(name, "\n\n".join(failures(ENDPOINTS[name])))


def compare_quotes(name: str, lines: str) -> None:
    if UPDATE:
        text = QUOTES.sub(lambda found: found[1] + lines + found[3], page(name))
        (PAGES / f"{name}.md").write_text(text, "utf-8")
    quoted = QUOTES.search(page(name))
    assert quoted
    assert quoted[2] == lines
