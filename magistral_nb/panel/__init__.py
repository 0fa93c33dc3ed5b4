"""The chat panel: a conversation that is read and led in the page, beside the cells of a notebook."""

from __future__ import annotations

from magistral_nb.panel.panel import ChatPanel

__all__ = ["ChatPanel"]
