"""Where the page's half lies, once `npm --prefix js run build` has made it."""

from __future__ import annotations

from pathlib import Path

_STATIC = Path(__file__).parent.parent / "static"
STUB = _STATIC / "stub.js"
"""What each widget carries."""
BUNDLE = _STATIC / "magistral.js.gz"
"""What a page loads once."""


def is_built() -> bool:
    """Tell whether the page's half is there."""
    return STUB.exists() and BUNDLE.exists()
