"""From the maps of foreground, boundary and distance to numbered objects.

Every object has a core, where the distance to its edge is a large share of the largest. A part of the
foreground with one core is an object as it stands; only where several cores lie in one part is it
divided, by a watershed on the distance.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import cc3d
import fastremap
import numpy as np
from scipy import ndimage
from skimage.segmentation import watershed

from napari_unet.core.errors import UserError
from napari_unet.core.model import OBJECT_MAPS
from napari_unet.core.object_options import ObjectOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LEVELS = 255
"""Maps are kept in whole steps from 0 to this, which stand for 0 to 1."""


def to_levels(maps: NDArray[Any]) -> NDArray[np.uint8]:
    """Return maps in steps of 1/255, a byte each, which is as fine as any threshold needs.

    Parameters
    ----------
    maps
        Values from 0 to 1, or levels already.

    Raises
    ------
    UserError
        When a value is not a number.
    """
    if maps.dtype == np.uint8:
        return maps
    if not np.isfinite(maps).all():
        raise UserError(
            "The maps of objects hold values that are not numbers",
            value=f"{int((~np.isfinite(maps)).sum()):,} of {maps.size:,}",
            rule="Every value of a map is a number from 0 to 1.",
            remedy="Segment again with precision 'float32'. If that doesn't help, the model is damaged.",
        )
    levels: NDArray[np.uint8] = (np.clip(maps, 0, 1) * LEVELS + 0.5).astype(np.uint8)
    return levels


def find_objects(
    maps: NDArray[Any], options: ObjectOptions | None = None, spacing: Sequence[float] = ()
) -> NDArray[np.uint32]:
    """Number the objects.

    Parameters
    ----------
    maps
        (3, [Z,] Y, X): foreground, boundary and distance, as numbers from 0 to 1 or as the levels of
        :func:`to_levels`.
    options
        How; None: the defaults.
    spacing
        Pixel size along each axis, for the size of the smallest object; empty: sizes are in pixels.

    Returns
    -------
    ndarray of uint32
        ([Z,] Y, X): 0 for the background, else the number of the object, from 1, in the order in which
        objects come in the image. An object that has no core is one all the same.

    Raises
    ------
    UserError
        When there are not three maps, values are not numbers, or a pixel has no size.
    """
    options = options or ObjectOptions()
    if maps.ndim not in (3, 4) or len(maps) != len(OBJECT_MAPS):
        raise UserError(
            "These are not the maps of objects",
            value=f"shape {maps.shape}",
            rule=f"The maps are {len(OBJECT_MAPS)}: {', '.join(OBJECT_MAPS)}, of a plane or a volume.",
            remedy="Use a model whose task is 'objects'.",
        )
    foreground, boundary, distance = to_levels(maps)
    inside = foreground > options.foreground * LEVELS
    core = inside & (distance > options.seed * LEVELS) & (boundary <= LEVELS // 2)
    return _finished(_divided(inside, core, distance), options, spacing)


def connected_objects(
    classes: NDArray[Any], options: ObjectOptions | None = None, spacing: Sequence[float] = ()
) -> NDArray[np.uint32]:
    """Number the connected parts of each class, as :func:`find_objects` does.

    Parameters
    ----------
    classes
        ([Z,] Y, X): 0 for the background, else the class.
    options, spacing
        As there; the thresholds have no effect.
    """
    return _finished(_components(classes), options or ObjectOptions(), spacing)


def _divided(
    inside: NDArray[np.bool_], core: NDArray[np.bool_], distance: NDArray[np.uint8]
) -> NDArray[np.uint32]:
    """Give each core its part of the foreground."""
    parts, cores = _components(inside), _components(core)
    n = int(parts.max(initial=0))
    # each core lies in one part
    first = np.zeros(int(cores.max(initial=0)) + 1, parts.dtype)
    first[cores[core]] = parts[core]
    contested = np.bincount(first[1:], minlength=n + 1) > 1
    contested[0] = False
    if not contested.any():
        return parts
    found = np.where(contested[parts], 0, parts)
    divided = np.zeros(n + 1, bool)
    for number, box in enumerate(ndimage.find_objects(parts), 1):
        if not contested[number] or box is None:
            continue
        divided[number] = True
        here = parts[box] == number
        seeds = np.where(here, cores[box], 0)
        # levels are small numbers, so that rounding in the network can't turn the flood
        flooded = watershed(LEVELS - distance[box], seeds.astype(np.int32), mask=here)
        found[box][here] = (flooded[here] + n).astype(found.dtype)
    return found


def _finished(
    labels: NDArray[np.uint32], options: ObjectOptions, spacing: Sequence[float]
) -> NDArray[np.uint32]:
    """Fill holes, leave out what is small, and number the rest in order."""
    pixel = _pixel(spacing)
    if options.fill_holes:
        labels = _filled(labels)
    if options.smallest > 0:
        labels = _renumbered(labels)
        small = np.bincount(labels.ravel()) * pixel < options.smallest
        small[0] = False
        labels = np.where(small[labels], 0, labels)
    return _renumbered(labels)


def _renumbered(labels: NDArray[np.uint32]) -> NDArray[np.uint32]:
    return fastremap.renumber(labels)[0].astype(np.uint32, copy=False)


def _filled(labels: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Fill the background that is shut in by a single object."""
    holes = _components(labels == 0)
    n = int(holes.max(initial=0))
    if n <= 1:
        return labels
    # largest and smallest neighbour of each hole: the same for one inside a single object
    most, least = np.zeros(n + 1, np.int64), np.full(n + 1, np.iinfo(np.int64).max)
    for axis in range(labels.ndim):
        ends = [[slice(None)] * labels.ndim for _ in range(2)]
        ends[0][axis], ends[1][axis] = slice(None, -1), slice(1, None)
        one, other = map(tuple, ends)
        for here, there in ((one, other), (other, one)):
            met = (holes[here] > 0) & (labels[there] > 0)
            np.maximum.at(most, holes[here][met], labels[there][met].astype(np.int64))
            np.minimum.at(least, holes[here][met], labels[there][met].astype(np.int64))
    fill = np.where(most == least, most, 0)
    for axis in range(labels.ndim):
        # background that reaches the edge of the image is no hole
        fill[np.unique(holes.take((0, -1), axis=axis))] = 0
    fill[0] = 0
    return np.where(holes > 0, fill[holes], labels).astype(np.uint32)


def _components(values: NDArray[Any]) -> NDArray[np.uint32]:
    """Number the connected parts of one value: pixels connect by their edges, voxels by faces."""
    found: NDArray[Any] = cc3d.connected_components(
        np.ascontiguousarray(values), connectivity=4 if values.ndim == 2 else 6
    )
    return found.astype(np.uint32, copy=False)


def _pixel(spacing: Sequence[float]) -> float:
    """Area or volume of a pixel."""
    size = math.prod(spacing)
    if not (math.isfinite(size) and all(s > 0 for s in spacing)):
        raise UserError(
            "The pixel size makes no sense",
            value=" × ".join(map(str, spacing)),
            rule="The size of a pixel along each axis is a number above 0.",
            remedy="Correct the layer's scale, or the file's; without one, sizes are in pixels.",
        )
    return size
