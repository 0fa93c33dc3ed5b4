"""Puts the labextension into a wheel, where JupyterLab and Notebook 7 look for it.

Not into an editable installation: `make lab-dev` links that one, so that it is never older than what was built.
"""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Labextension(BuildHookInterface):  # type: ignore[type-arg]  # hatchling's own configuration, which is not used
    """Adds to a wheel what is not part of the Python package."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the folder, and where it goes below the environment."""
        if version != "editable":
            build_data["shared_data"]["magistral_nb/labextension"] = "share/jupyter/labextensions/magistral_nb"
