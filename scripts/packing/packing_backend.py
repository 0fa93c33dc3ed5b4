"""What pip calls to build: hatchling, after the page's half (js/) is built.

Node is 60 MB and editable installations are made often, so those go without: `make` builds the page's half there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import page_half
from hatchling import build as hatchling_build

ROOT = Path(__file__).resolve().parent.parent.parent


def get_requires_for_build_wheel(config_settings: dict[str, Any] | None = None) -> list[str]:
    """Return what a wheel is built with."""
    return [*hatchling_build.get_requires_for_build_wheel(config_settings), *page_half.requirements(ROOT)]


def get_requires_for_build_sdist(config_settings: dict[str, Any] | None = None) -> list[str]:
    """Return what an sdist is built with: it holds the page's half, so that nobody needs Node to make a wheel of it."""
    return [*hatchling_build.get_requires_for_build_sdist(config_settings), *page_half.requirements(ROOT)]


def build_wheel(folder: str, settings: dict[str, Any] | None = None, metadata: str | None = None) -> str:
    """Build a wheel and return its name."""
    page_half.make_ready(ROOT)
    return hatchling_build.build_wheel(folder, settings, metadata)


def build_sdist(folder: str, settings: dict[str, Any] | None = None) -> str:
    """Build an sdist and return its name."""
    page_half.make_ready(ROOT)
    return hatchling_build.build_sdist(folder, settings)


def __getattr__(name: str) -> Any:
    """Leave all else to hatchling."""
    return getattr(hatchling_build, name)
