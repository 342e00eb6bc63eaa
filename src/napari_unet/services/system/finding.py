"""One thing that the check of this computer looked at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that was checked.

    Attributes
    ----------
    title
        What was checked, in one or two words.
    ok
        ``True``: as it should be. ``False``: the package can't work like this. ``None``: it works,
        but the reader may want to know.
    detail
        What was found.
    advice
        What to do about it; empty when there is nothing to do.
    """

    title: str
    ok: bool | None
    detail: str
    advice: str = ""
