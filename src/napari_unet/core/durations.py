"""Times as people read them."""

from __future__ import annotations


def format_seconds(seconds: float) -> str:
    """Format a time in the unit that suits it, such as ``12 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
