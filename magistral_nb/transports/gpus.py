"""Graphics cards: those that llama.cpp can use, and whether this machine has one that it cannot."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from dataclasses import dataclass
from typing import Any

WHEELS = "https://xorbitsai.github.io/xllamacpp/whl"
"""Where xllamacpp's own page says that its builds for graphics cards are (README of 2026.10.11549, "Installation")."""


@dataclass(frozen=True, slots=True)
class Card:
    """A graphics card that llama.cpp can use. free : its memory, in bytes. shared : it is the machine's own memory."""

    name: str
    free: int
    shared: bool


def usable_cards(xllamacpp: Any) -> tuple[Card, ...]:
    """Return the cards that the installed build of llama.cpp sees; none if it was built without any."""
    kinds = xllamacpp.ggml_backend_dev_type
    shares = {kinds.GGML_BACKEND_DEVICE_TYPE_GPU: sys.platform == "darwin", kinds.GGML_BACKEND_DEVICE_TYPE_IGPU: True}
    return tuple(
        Card(str(found["description"] or found["name"]), int(found["memory_free"]), shares[found["type"]])
        for found in xllamacpp.get_device_info()
        if found["type"] in shares
    )


def unused_card_advice() -> str:
    """Say which graphics card this machine seems to have, and how to get a build that uses it; "" if it has none."""
    if os.path.exists("/dev/nvidia0") or shutil.which("nvidia-smi"):
        return _advice("an NVIDIA card", f"{WHEELS}/cu128", "cu132 instead of cu128 for CUDA 13")
    if os.path.exists("/dev/kfd"):
        return _advice("an AMD card", f"{WHEELS}/rocm-6.4.1", "vulkan instead of rocm-6.4.1 works without ROCm")
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return _advice("a graphics chip from Apple", None, "PyPI's build for Macs uses it")
    return ""


def _advice(card: str, index: str | None, more: str) -> str:
    source = f" --index-url {index}" if index else ""
    return (
        f"This machine seems to have {card}, and the installed xllamacpp does not use it, so everything is slower. "
        f"To get a build that does: pip install xllamacpp --force-reinstall{source} ({more}); then restart Python."
    )
