"""An array of any dimensions in pieces that are quickly compared: planes, or bands of large ones."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

BLOCK_PIXELS = 1 << 22
"""Most pixels of a piece: a few milliseconds to compare, and a few MB to note what differs."""


@dataclass(frozen=True)
class Blocks:
    """How an array is divided: into planes of its last two axes, those into bands of rows.

    Attributes
    ----------
    shape
        Of the array; two axes or more.
    most
        Pixels that a piece has at most, unless a single row has more.
    """

    shape: tuple[int, ...]
    most: int = BLOCK_PIXELS

    @property
    def rows(self) -> int:
        """Rows of a band; the last one of a plane may have fewer."""
        return max(1, min(self.most // max(self.shape[-1], 1), self.shape[-2]))

    @property
    def bands(self) -> int:
        """Bands of a plane."""
        return -(-self.shape[-2] // self.rows)

    def __len__(self) -> int:
        return math.prod(self.shape[:-2]) * self.bands

    def index(self, number: int) -> tuple[Any, ...]:
        """Return the index that takes a piece out of the array."""
        plane, band = divmod(number, self.bands)
        lead = []
        for side in reversed(self.shape[:-2]):
            plane, at = divmod(plane, side)
            lead.append(at)
        return (*reversed(lead), slice(band * self.rows, (band + 1) * self.rows))

    def start(self, number: int) -> int:
        """Return the flat index of the first pixel of a piece."""
        plane, band = divmod(number, self.bands)
        return (plane * self.shape[-2] + band * self.rows) * self.shape[-1]

    def meeting(self, box: Sequence[tuple[int, int]]) -> set[int]:
        """Return the pieces that meet a box: the first index and the one after the last, by axis."""
        clipped = [(max(a, 0), min(b, n)) for (a, b), n in zip(box, self.shape, strict=True)]
        if any(a >= b for a, b in clipped):
            return set()
        *lead, (top, bottom), _ = clipped
        bands = range(top // self.rows, (bottom - 1) // self.rows + 1)
        found: set[int] = set()
        for place in itertools.product(*(range(a, b) for a, b in lead)):
            plane = 0
            for at, side in zip(place, self.shape[:-2], strict=True):
                plane = plane * side + at
            found.update(plane * self.bands + band for band in bands)
        return found
