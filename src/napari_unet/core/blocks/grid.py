"""How a frame is cut into blocks. Integers only."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_unet.core.image.axes import Box


@dataclass(frozen=True)
class BlockGrid:
    """A frame cut into blocks, numbered with the last axis fastest.

    Attributes
    ----------
    shape
        Of the frame.
    block
        Of a block; those at the far edges may be smaller.
    """

    shape: tuple[int, ...]
    block: tuple[int, ...]

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of blocks along each axis."""
        return tuple(-(-n // b) for n, b in zip(self.shape, self.block, strict=True))

    def __len__(self) -> int:
        return prod(self.counts)

    def box(self, number: int) -> Box:
        """Return the window of a block in the frame."""
        place = np.unravel_index(number, self.counts)
        axes = zip(place, self.block, self.shape, strict=True)
        return tuple(slice(int(i) * b, min((int(i) + 1) * b, n)) for i, b, n in axes)

    def next_along(self, number: int, axis: int) -> int | None:
        """Return the number of the block behind another one along an axis; None at the edge."""
        if self.box(number)[axis].stop == self.shape[axis]:
            return None
        return number + prod(self.counts[axis + 1 :])

    def has_before(self, number: int, axis: int) -> bool:
        """Whether there is a block before another one along an axis."""
        first: int = self.box(number)[axis].start
        return first > 0

    def touching(self, box: Box) -> Iterator[int]:
        """Yield the numbers of the blocks that a window touches."""
        ranges = [
            range(s.start // b, -(-s.stop // b)) for s, b in zip(box, self.block, strict=True)
        ]
        for place in itertools.product(*ranges):
            yield int(np.ravel_multi_index(place, self.counts))


def widened(box: Box, margin: int, shape: Sequence[int]) -> tuple[Box, Box]:
    """Return a window with a margin, as far as the frame reaches, and the old window in its pixels."""
    wide = tuple(
        slice(max(s.start - margin, 0), min(s.stop + margin, n))
        for s, n in zip(box, shape, strict=True)
    )
    return wide, within(box, wide)


def within(box: Box, other: Box) -> Box:
    """Return a window in the pixels of another one that holds it."""
    return tuple(
        slice(s.start - o.start, s.stop - o.start) for s, o in zip(box, other, strict=True)
    )


def common(box: Box, other: Box) -> Box | None:
    """Return the window that two others share; None if they share no pixel."""
    both = tuple(
        slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(box, other, strict=True)
    )
    return both if all(s.start < s.stop for s in both) else None
