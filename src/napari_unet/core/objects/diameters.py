"""Diameters of the objects in labels, and what is typical of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Box

    Values = NDArray[np.float64]

NET_SHARE = 0.5
"""Membranes fill less of the box around them."""
WHOLE_ENOUGH = 5
"""If so many objects lie inside, those that the edge cuts are not measured."""
TWO_SIZES_RATIO = 3.0
"""Objects are of two sizes if their typical diameters differ by this factor or more …"""
TWO_SIZES_OBJECTS = 4
"""… there are so many of either …"""
TWO_SIZES_SHARE = 0.25
"""… the small ones are such a share of the objects, and the large ones of what these cover."""


def diameters(labels: NDArray[Any], spacing: Sequence[float] = ()) -> Values:
    """Return the diameter of each object of a plane or volume.

    Parameters
    ----------
    labels
        ([Z,] Y, X): number of the object, 0 or less elsewhere. Objects that the edges cut are left out
        where `WHOLE_ENOUGH` others remain.
    spacing
        Pixel size along each axis, in any unit; empty: the same along all.

    Returns
    -------
    ndarray
        (n,) of the circle or ball of the same size, in pixels along X. Of an object in a volume that is
        cut, at least its extent along the axes on which it is not.
    """
    labels = np.maximum(labels, 0)
    counts = np.bincount(labels.ravel())
    unit = np.array([size / spacing[-1] for size in spacing] or [1.0] * labels.ndim)
    whole, cut = [], []
    for number, box in enumerate(ndimage.find_objects(labels), 1):
        if box is None:
            continue
        inside = _is_inside(box, labels.shape)
        diameter = _of_size(counts[number] * unit.prod(), labels.ndim)
        extents = np.array([part.stop - part.start for part in box]) * unit
        if inside.all():
            whole.append(diameter)
        elif inside.any() and labels.ndim == 3:
            # in a small volume, most are cut
            diameter = max(diameter, float(np.exp(np.log(extents[inside]).mean())))
        if not inside.all():
            cut.append(diameter)
    return np.array(whole if len(whole) >= WHOLE_ENOUGH else whole + cut, np.float64)


def mostly_cut(labels: NDArray[Any]) -> bool:
    """Whether the edges cut most of the objects."""
    boxes = [box for box in ndimage.find_objects(labels) if box is not None]
    inside = sum(bool(_is_inside(box, labels.shape).all()) for box in boxes)
    return 2 * inside < len(boxes)


def _is_inside(box: Box, shape: Sequence[int]) -> NDArray[np.bool_]:
    """Whether an object ends before the edges, along each axis; the edges of a single plane cut none."""
    ends = zip(box, shape, strict=True)
    return np.array([n == 1 or (part.start > 0 and part.stop < n) for part, n in ends])


def has_nets(labels: NDArray[Any]) -> bool:
    """Whether most of the labelled pixels belong to membranes rather than objects."""
    return bool(2 * np.count_nonzero(without_nets(labels)) < np.count_nonzero(labels))


def without_nets(labels: NDArray[Any]) -> NDArray[Any]:
    """Remove objects that reach from edge to edge but fill little between, or reach to all edges."""
    kept = labels.copy()
    height, width = labels.shape[-2:]
    for number, box in enumerate(ndimage.find_objects(labels.astype(np.int32)), 1):
        if box is None:
            continue
        (y, x) = (part.stop - part.start for part in box[-2:])
        inside = labels[box] == number
        across = (y == height) + (x == width)
        if across == 2 or (across and inside.mean() < NET_SHARE):
            kept[box][inside] = 0
    return kept


def typical(values: Values) -> float:
    """Return the diameter that stands for some objects: their median."""
    return float(np.median(values))


def two_sizes(values: Values) -> tuple[float, float] | None:
    """Return the typical diameters of small and large objects where these differ very much.

    Parameters
    ----------
    values
        (n,) diameters.
    """
    ordered = np.sort(np.log(values))
    n = len(ordered)
    splits = range(TWO_SIZES_OBJECTS, n - TWO_SIZES_OBJECTS + 1)
    if not splits:
        return None
    # the cut that leaves least variance within the two groups (Otsu 1979)
    cut = min(splits, key=lambda i: ordered[:i].var() * i + ordered[i:].var() * (n - i))
    small, large = (float(np.exp(np.median(part))) for part in (ordered[:cut], ordered[cut:]))
    areas = np.exp(2 * ordered)
    shares = cut / n, areas[cut:].sum() / areas.sum()
    if large < TWO_SIZES_RATIO * small or min(shares) < TWO_SIZES_SHARE:
        return None
    return small, large


def _of_size(size: float, ndim: int) -> float:
    return float(np.cbrt(6 / math.pi * size) if ndim == 3 else np.sqrt(4 / math.pi * size))
