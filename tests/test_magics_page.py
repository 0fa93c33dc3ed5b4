"""`docs/magics.md` has every option, command and setting that there is, with an example that works, and no others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from magistral_nb import Budget
from magistral_nb.notebook.cassettes import Cassettes
from magistral_nb.notebook.commands import COMMANDS
from magistral_nb.notebook.magics import Magistral
from magistral_nb.notebook.options import OPTIONS, parse_options, split_ask
from tests.test_magics import run, shell

__all__ = ["shell"]

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "magics.md").read_text("utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in re.split(r"^## ", PAGE, flags=re.MULTILINE)}


def rows(section: str) -> dict[str, tuple[str, str]]:
    """Return what a section's table says by the first column: all that is said, and the example."""
    found = {}
    for line in SECTIONS[section].splitlines():
        if line.startswith("| `"):
            first, *said = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))]
            found[first.replace("`", "")] = (" ".join(said), said[-1].strip("`"))
    return found


def test_every_option_is_there_and_no_other(shell: InteractiveShell) -> None:
    told = rows("The options of a question")
    assert list(told) == [", ".join(option.names) for option in OPTIONS]
    parser = Magistral.magistral.parser
    for names, (_, example) in told.items():
        magic, _, line = example.partition(" ")
        assert magic == "%%magistral"
        given = parse_options(parser, line)
        name = names.split(", ")[-1].lstrip("-").replace("-", "_")
        value = getattr(given, {"continue": "continued"}.get(name, name))
        assert value is not None and value is not False, example  # noqa: PT018  one value


def test_every_command_is_there_and_no_other() -> None:
    told = rows("The commands")
    assert sorted(told) == sorted(["ask", *COMMANDS])
    for name, (_, example) in told.items():
        assert example.split()[:2] == ["%magistral", name]
    for name in re.findall(r"(?<!%)%magistral +([\w-]+)", PAGE):
        assert name in told, name
    assert split_ask(told["ask"][1].removeprefix("%magistral ask ")) == ("-e demo", "Name a prime.")


def test_every_setting_is_there_and_no_other(shell: InteractiveShell) -> None:
    told = rows("Settings for all cells")
    assert sorted(told) == sorted(Magistral.class_trait_names(config=True))
    shell.user_ns["Budget"] = Budget
    for name, (_, example) in told.items():
        assert example.startswith(f"%config Magistral.{name} = ")
        assert run(shell, example)[0].success, example
    known = set(told)
    assert set(re.findall(r"Magistral\.(\w+)", PAGE)) <= known


def test_no_option_is_invented() -> None:
    """Also in running text: what looks like an option belongs to a question or to a cassette."""
    code = " ".join(re.findall(r"`([^`\n]+)`", PAGE)) + " ".join(re.findall(r"```(.*?)```", PAGE, re.DOTALL))
    seen = set(re.findall(r"(?<![\w-])(--?[a-zA-Z][\w-]*)", code))
    cassettes = {name for parser in Cassettes()._parsers.values() for name in parser._option_string_actions}
    known = {name for option in OPTIONS for name in option.names} | cassettes | {"-h"}
    assert seen - known == set()


@pytest.mark.parametrize("page", ["docs/magics.md", "README.md"])
def test_pictures_are_there_and_small(page: str) -> None:
    path = DOCS.parent / page
    text = path.read_text("utf-8")
    pictures = re.findall(r"(?:src|srcset)=\"([^\"]+\.png)\"", text)
    assert pictures
    for picture in pictures:
        assert (path.parent / picture).stat().st_size < 150_000, picture
    assert text.count("<img ") == text.count(' alt="')
    dark = re.findall(r'prefers-color-scheme: dark\)" srcset="([^"]+)-dark.png">\s*<img src="([^"]+)-light.png"', text)
    assert dark
    assert all(one == other for one, other in dark)
