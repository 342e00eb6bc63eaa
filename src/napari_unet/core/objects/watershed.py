"""Divides connected parts of the foreground among their cores, by a watershed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Box

    Batch = list[tuple[int, Box]]

BATCH_PIXELS = 1 << 16
"""Pixels flooded together: so many that the call costs little, and few compared to an image."""


def divide(
    parts: NDArray[np.uint32], cores: NDArray[np.uint32], distance: NDArray[np.uint8]
) -> NDArray[np.uint32]:
    """Divide each part of the foreground among the cores in it.

    The result in a part depends on that part alone, not on what else is in the image.

    Parameters
    ----------
    parts
        ([Z,] Y, X): the parts of the foreground, numbered from 1; 0 elsewhere.
    cores
        Same shape: the cores, numbered from 1; each lies in one part.
    distance
        Same shape: distance to the edge; flooding starts at the cores and goes downwards.

    Returns
    -------
    ndarray
        Same shape: a number for each core, and for each part with one core or none.
    """
    n = int(parts.max(initial=0))
    inside = np.flatnonzero(cores > 0)
    home = np.zeros(int(cores.max(initial=0)) + 1, parts.dtype)
    home[cores.ravel()[inside]] = parts.ravel()[inside]
    contested = np.bincount(home[1:], minlength=n + 1) > 1
    contested[0] = False
    if not contested.any():
        return parts
    numbers = np.arange(n + 1, dtype=parts.dtype)
    numbers[contested] = 0
    divided = numbers[parts]
    for batch in _batches(parts, contested):
        _flood(batch, parts, cores, distance, divided, n)
    return divided


def _batches(parts: NDArray[np.uint32], contested: NDArray[np.bool_]) -> Iterator[Batch]:
    """Group parts with several cores by similar shape, with their boxes."""
    # imported here and below, because it is slow and not needed for the window to open
    from scipy import ndimage

    boxes = ndimage.find_objects(parts)
    sides = {i: _sides(boxes[i - 1]) for i in np.flatnonzero(contested).tolist()}
    batch: Batch = []
    largest: tuple[int, ...] = ()
    # grouped by their longest axis, as the array of a batch is as long as the longest along each axis
    for i in sorted(sides, key=lambda i: (np.argmax(sides[i]), -math.prod(sides[i]))):
        both = tuple(map(max, sides[i], largest or sides[i]))
        if batch and (len(batch) + 1) * math.prod(both) > BATCH_PIXELS:
            yield batch
            batch, both = [], sides[i]
        batch.append((i, boxes[i - 1]))
        largest = both
    if batch:
        yield batch


def _sides(box: Box) -> tuple[int, ...]:
    return tuple(s.stop - s.start for s in box)


def _flood(
    batch: Batch,
    parts: NDArray[np.uint32],
    cores: NDArray[np.uint32],
    distance: NDArray[np.uint8],
    divided: NDArray[np.uint32],
    n: int,
) -> None:
    """Divide some parts, side by side in one array, and write numbers above `n`."""
    from scipy import ndimage
    from skimage.segmentation import watershed

    sides = [_sides(box) for _, box in batch]
    shape = tuple(np.max(sides, axis=0))
    deep = np.zeros((len(batch), *shape), distance.dtype)
    seeds, mask = np.zeros(deep.shape, np.int32), np.zeros(deep.shape, bool)
    slots: list[tuple[Any, ...]] = [(k, *map(slice, side)) for k, side in enumerate(sides)]
    for slot, (number, box) in zip(slots, batch, strict=True):
        np.equal(parts[box], number, out=mask[slot])
        seeds[slot] = cores[box]
        deep[slot] = distance[box]
    seeds *= mask
    height = np.negative(deep, dtype=float)
    # seeds of one height are ordered by their pixels: the queue's own order depends on all parts in it
    seeded, size = np.flatnonzero(seeds > 0), math.prod(shape)
    height.ravel()[seeded] += (seeded % size + 1.0) / (size + 1) - 1
    faces = np.zeros((3,) * height.ndim, bool)
    faces[1] = ndimage.generate_binary_structure(len(shape), 1)
    flooded = (watershed(height, seeds, faces, mask=mask) + n).astype(divided.dtype)
    for slot, (_, box) in zip(slots, batch, strict=True):
        np.copyto(divided[box], flooded[slot], where=mask[slot])
