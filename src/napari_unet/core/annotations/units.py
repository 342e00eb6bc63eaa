"""Units: the held-out objects, strokes and blocks on which two networks are compared one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.ndimage import distance_transform_edt

from napari_unet.core.annotations.bitmask import BitMask
from napari_unet.core.annotations.changes import removed_pieces
from napari_unet.core.annotations.strokes import plane_pieces

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.core.annotations.annotation import PlaneKey, Truth
    from napari_unet.core.image.axes import Box
    from napari_unet.core.image.frames import Frame

BLOCK = 128
"""Side of the blocks, in pixels, that large parts of dense classes are divided into: the pieces of a
membrane are one part, but many observations."""


class UnitKey(NamedTuple):
    """Identifies a unit of an annotation.

    Attributes
    ----------
    stroke
        The number of the stroke or object, those of what was removed after all others; -1: background
        only.
    block
        The plane and the block, by row and column; empty if it is the whole stroke or object.
    """

    stroke: int
    block: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Units:
    """The units in a window of a frame.

    Attributes
    ----------
    numbers
        int32, the window's shape: 0 where nothing is held out, else the number of the unit, from 1.
        Those of objects and dense classes include the held-out background nearest to them.
    keys
        Key of each unit.
    """

    numbers: NDArray[np.int32]
    keys: tuple[UnitKey, ...]


def units_of(truth: Truth, frame: Frame, box: Box) -> Units:
    """Return the units in a window of a frame of the annotation's image."""
    *depth, rows, columns = box
    found: dict[UnitKey, int] = {}
    planes = []
    for key in truth.keys(frame, *depth):
        held = truth.held.get(key, BitMask.none()).window(rows, columns)
        plane = np.zeros(held.shape, np.int32)
        if held.any():
            strokes = _strokes(truth, key, (rows, columns), held)
            blocks = _blocks(truth, strokes, rows, columns)
            pairs, of_pixel = _distinct(strokes[held], blocks[held])
            numbers = [
                found.setdefault(_key(stroke, block, key), len(found) + 1)
                for stroke, block in pairs
            ]
            plane[held] = np.array(numbers)[of_pixel]
        planes.append(plane)
    return Units(np.stack(planes) if depth else planes[0], tuple(found))


_PER_ROW = 1 << 20


def _key(stroke: int, block: int, plane: PlaneKey) -> UnitKey:
    return UnitKey(stroke, (*plane, *divmod(block - 1, _PER_ROW)) if block else ())


def _strokes(
    truth: Truth, key: PlaneKey, window: tuple[slice, slice], held: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return the stroke of each held-out pixel, for the background the nearest held-out one."""
    numbered, _ = plane_pieces(truth, key)
    strokes: NDArray[np.int64] = truth.strokes.pieces[key][numbered[window]]
    removed = truth.removed.pieces.get(key)
    if removed is not None and len(removed) > 1:
        gone = removed_pieces(truth, key)[window]
        strokes = np.where(gone > 0, removed[gone] + len(truth.strokes.sizes), strokes)
    known = held & (strokes >= 0)
    if truth.annotation.kind == "scribbles" or not known.any():
        return strokes
    nearest = distance_transform_edt(~known, return_distances=False, return_indices=True)
    return np.asarray(strokes[tuple(nearest)])


def _blocks(
    truth: Truth, strokes: NDArray[np.int64], rows: slice, columns: slice
) -> NDArray[np.int64]:
    """Return the block of each pixel, from 1, where it is in a large part of dense classes; else 0."""
    if truth.annotation.kind != "classes":
        return np.zeros(strokes.shape, np.int64)
    sizes = np.concatenate([truth.strokes.sizes, truth.removed.sizes, [BLOCK**2 + 1]])
    y = np.arange(rows.start, rows.stop)[:, None] // BLOCK
    x = np.arange(columns.start, columns.stop)[None] // BLOCK
    return np.where(sizes[strokes] > BLOCK**2, y * _PER_ROW + x + 1, 0)


def _distinct(
    strokes: NDArray[np.int64], blocks: NDArray[np.int64]
) -> tuple[list[tuple[int, int]], NDArray[np.intp]]:
    """Return the distinct pairs in order, and which of them each pixel has.

    In single numbers, as NumPy sorts pairs without letting other threads run: the window would stop.
    """
    known, block = np.unique(blocks, return_inverse=True)
    codes, of_pixel = np.unique(strokes * len(known) + block.ravel(), return_inverse=True)
    first, second = np.divmod(codes, len(known))
    pairs = list(zip(first.tolist(), known[second].tolist(), strict=True))
    return pairs, of_pixel.ravel()
