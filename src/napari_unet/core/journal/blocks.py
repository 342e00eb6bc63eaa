"""Divides an array into blocks that are compared quickly: planes, or bands of rows of large planes."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

BLOCK_PIXELS = 1 << 22
"""Most pixels of a block: it is compared in a few milliseconds, and its changes take a few MB."""


@dataclass(frozen=True)
class Blocks:
    """The blocks of an array: planes of its last two axes, divided into bands of rows.

    Attributes
    ----------
    shape
        Shape of the array; two axes or more.
    most
        Most pixels of a block, unless a single row has more.
    """

    shape: tuple[int, ...]
    most: int = BLOCK_PIXELS

    @property
    def rows(self) -> int:
        """Rows of a band; the last one of a plane may have fewer."""
        return max(1, min(self.most // max(self.shape[-1], 1), self.shape[-2]))

    @property
    def bands(self) -> int:
        """Bands in a plane."""
        return -(-self.shape[-2] // self.rows)

    def __len__(self) -> int:
        return math.prod(self.shape[:-2]) * self.bands

    def index(self, number: int) -> tuple[Any, ...]:
        """Return the index of a block in the array."""
        plane, band = divmod(number, self.bands)
        lead = []
        for side in reversed(self.shape[:-2]):
            plane, position = divmod(plane, side)
            lead.append(position)
        return (*reversed(lead), slice(band * self.rows, (band + 1) * self.rows))

    def start(self, number: int) -> int:
        """Return the flat index of the first pixel of a block."""
        plane, band = divmod(number, self.bands)
        return (plane * self.shape[-2] + band * self.rows) * self.shape[-1]

    def meeting(self, box: Sequence[tuple[int, int]]) -> set[int]:
        """Return the blocks that overlap a box, given as first and one past the last index by axis."""
        clipped = [(max(a, 0), min(b, n)) for (a, b), n in zip(box, self.shape, strict=True)]
        if any(a >= b for a, b in clipped):
            return set()
        *lead, (top, bottom), _ = clipped
        bands = range(top // self.rows, (bottom - 1) // self.rows + 1)
        blocks: set[int] = set()
        for position in itertools.product(*(range(a, b) for a, b in lead)):
            plane = 0
            for i, side in zip(position, self.shape[:-2], strict=True):
                plane = plane * side + i
            blocks.update(plane * self.bands + band for band in bands)
        return blocks
