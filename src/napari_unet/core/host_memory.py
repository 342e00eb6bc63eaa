"""How much memory of this computer, or of the container that this program runs in, is free."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
V2 = ("memory.max", "memory.current", "inactive_file")
"""Files of a control group with its limit and what is used, and the line of ``memory.stat`` with what
the kernel gives back when memory is short."""


def free_memory() -> int:
    """Return the bytes of main memory that are free, of the computer or of a container with less.

    Linux limits a container, a job of a cluster or a service by a control group (version 1 or 2), which
    ends its programs when they take more.
    """
    rooms = (room for folder, names in _groups() if (room := _room(folder, names)) is not None)
    return max(0, min([int(psutil.virtual_memory().available), *rooms]))


def total_memory() -> int:
    """Return the bytes of main memory that there are, likewise."""
    limits = (_number(folder / names[0]) for folder, names in _groups())
    return min([int(psutil.virtual_memory().total), *(n for n in limits if n is not None)])


def _groups() -> Iterator[tuple[Path, tuple[str, str, str]]]:
    """Return the control groups of this process, those above them included."""
    try:
        lines = MEMBERSHIP.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root, names = CGROUPS, V2
        elif "memory" in controllers.split(","):
            root, names = CGROUPS / "memory", V1
        else:
            continue
        # within a container the path may be that of the host, of which only the root is visible
        inside = PurePosixPath(path.lstrip("/"))
        yield from ((root / part, names) for part in (inside, *inside.parents))


def _room(folder: Path, names: tuple[str, str, str]) -> int | None:
    limit, used = (_number(folder / name) for name in names[:2])
    if limit is None or used is None:
        return None
    try:
        statistics = dict(map(str.split, (folder / "memory.stat").read_text().splitlines()))
        reclaimable = int(statistics.get(names[2], 0))
    except (OSError, ValueError):
        reclaimable = 0
    return limit - used + min(reclaimable, used)


def _number(path: Path) -> int | None:
    """Read a number; None where there is none, such as ``max`` for no limit."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
