"""What this machine has for a process: memory, less what a container is denied, and processors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_GROUPS = Path("/proc/self/cgroup")


def free_memory() -> int:
    """Return how many bytes this process may still take; memory that only caches files counts as free."""
    import psutil

    return max(0, min(int(psutil.virtual_memory().available), *_left_in_groups()))


def processors() -> int:
    """Return how many processors compute for this process: real ones, since two halves of one are no faster."""
    import psutil

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(psutil.cpu_count(logical=False) or 1, allowed or 1))


def _left_in_groups() -> Iterator[int]:
    """Yield what each control group that this process is in has left: containers and SLURM jobs set such limits."""
    yield 2**62
    try:
        lines = _OWN_GROUPS.read_text("utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            yield from _left(_CGROUPS, path, "memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            yield from _left(_CGROUPS / "memory", path, *names)


def _left(root: Path, path: str, limit: str, used: str, reclaimable: str) -> Iterator[int]:
    """Yield what a group and every group above it has left. In a container the path may not be there; its root is."""
    group = root / path.lstrip("/")
    for folder in (group, *group.parents):
        most, now = _number(folder / limit), _number(folder / used)
        if most is not None and now is not None:
            yield most - now + _line(folder / "memory.stat", reclaimable)
        if folder == root:
            return


def _number(file: Path) -> int | None:
    try:
        text = file.read_text("utf-8").strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None  # "max" is no limit


def _line(file: Path, name: str) -> int:
    try:
        rows = dict(line.split(" ", 1) for line in file.read_text("utf-8").splitlines())
    except (OSError, ValueError):
        return 0
    return int(rows.get(name, "0"))
