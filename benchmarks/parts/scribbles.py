"""Scribbles as somebody would paint who knows what is there: simulated, so that they can be repeated."""

from __future__ import annotations

from collections.abc import Iterator

import edt
import numpy as np
from numpy.typing import NDArray
from skimage.morphology import dilation, disk, skeletonize

PAINTED = 0.02
"""Largest share of the pixels that scribbles cover."""


def scribbles(
    cells: NDArray[np.bool_], seed: int, *, borders: bool = True, strokes: int | None = None
) -> NDArray[np.uint8]:
    """Simulate strokes, 3 pixels wide: along the middle, and along the borders if asked.

    What is around cells is 1, cells 2, each with paint in proportion to its area, or with so many
    strokes. Borders are followed two pixels inside, as one would paint who wants them to come out well.
    """
    paint = np.zeros(cells.shape, np.uint8)
    for value, mask in ((1, ~cells), (2, cells)):
        room = 0.95 * PAINTED * mask.sum()
        for n, stroke in enumerate(_strokes(_lines(mask, borders), mask, seed + value)):
            full = (paint == value).sum() + stroke.sum() > room
            if full if strokes is None else n == strokes:
                break
            paint[stroke] = value
    return paint


def _lines(mask: NDArray[np.bool_], borders: bool) -> NDArray[np.bool_]:
    depth = edt.edt(mask)
    lines: NDArray[np.bool_] = skeletonize(mask) | (borders & (depth > 2) & (depth <= 3))
    return lines


def _strokes(
    lines: NDArray[np.bool_], mask: NDArray[np.bool_], seed: int
) -> Iterator[NDArray[np.bool_]]:
    """Yield what a random window of 40 pixels shows of the lines, dilated within the mask."""
    rng = np.random.default_rng(seed)
    places = np.argwhere(lines)
    while True:
        y, x = places[rng.integers(len(places))]
        window = np.zeros_like(mask)
        window[max(y - 20, 0) : y + 20, max(x - 20, 0) : x + 20] = True
        yield dilation(lines & window, disk(1)) & mask
