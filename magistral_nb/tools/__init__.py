"""Functions that a model may ask for: what it is told, and how calls are checked. Nothing runs by itself."""

from __future__ import annotations

from magistral_nb.tools.calls import CheckedCall, Tool, Usable, check_call, definition_of, definitions

__all__ = ["CheckedCall", "Tool", "Usable", "check_call", "definition_of", "definitions"]
