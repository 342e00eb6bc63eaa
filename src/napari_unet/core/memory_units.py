"""Bytes, as people say and set them."""

from __future__ import annotations

GIB = 1 << 30


def bytes_of_gib(gib: float | None) -> int | None:
    """Turn what a user allows, in GiB, into bytes; None stays None: what is free."""
    return None if gib is None else int(gib * GIB)


def format_bytes(n_bytes: float) -> str:
    """Return a size as one would say it, in GiB or MiB."""
    return f"{n_bytes / GIB:.1f} GiB" if n_bytes >= GIB else f"{n_bytes / GIB * 1024:.0f} MiB"
