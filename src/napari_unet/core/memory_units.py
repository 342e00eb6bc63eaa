"""Memory sizes: bytes, and GiB as people enter and read them."""

from __future__ import annotations

GIB = 1 << 30
"""Bytes in a gibibyte."""


def bytes_of_gib(gib: float | None) -> int | None:
    """Convert a memory limit from GiB to bytes; None, which stands for the free memory, stays None."""
    return None if gib is None else int(gib * GIB)


def format_bytes(n_bytes: float) -> str:
    """Format a number of bytes in GiB or MiB, such as ``1.5 GiB``."""
    return f"{n_bytes / GIB:.1f} GiB" if n_bytes >= GIB else f"{n_bytes / GIB * 1024:.0f} MiB"
