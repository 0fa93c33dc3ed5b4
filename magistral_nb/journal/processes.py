"""Which process writes a file, and whether it still lives. Without psutil, which every kernel has, nobody can tell."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any


def this_process() -> dict[str, Any]:
    """Return what tells this process from any other, as plain data."""
    about: dict[str, Any] = {"host": socket.gethostname(), "pid": os.getpid()}
    try:
        import psutil
    except ImportError:
        return about
    return about | {"born": psutil.Process().create_time()}


def is_gone(about: Mapping[str, Any]) -> bool:
    """Say whether a process is known to have ended: it is of this machine, and its number is free or another's."""
    try:
        import psutil
    except ImportError:
        return False
    pid, born = about.get("pid"), about.get("born")
    if about.get("host") != socket.gethostname() or not isinstance(pid, int):
        return False
    try:
        process = psutil.Process(pid)
        is_another = isinstance(born, float) and abs(process.create_time() - born) > 1
        return is_another or bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
    except (psutil.Error, OSError):
        return False
