"""Finds objects in the maps of foreground, boundary and distance.

Every object has a core, where the distance to its edge is a large fraction of the largest. A connected
part of the foreground with one core is one object; a part with several cores is divided among them by a
watershed on the distance.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import cc3d
import fastremap
import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.inference.outputs import UINT8_SCALE, to_uint8
from napari_unet.core.model.object_options import ObjectOptions
from napari_unet.core.model.spec import OBJECT_OUTPUTS
from napari_unet.core.objects.watershed import divide

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

DEFAULT_MIN_PIXELS = 10
"""Pixels of the smallest object, unless the options give a size."""

CORE_RISE = 1 / 6
"""A core must rise above its threshold by this fraction of what is left to the largest distance: islands
that noise makes at its rim do not."""

MASK_HALO = 1
"""Pixels around a window that its masks depend on."""

DISTANCE = OBJECT_OUTPUTS.index("distance")
"""Which of the maps is the distance."""

COARSE_AXIS = 3
"""Along an axis with so many times the finest pixel size, maps are not smoothed."""


def find_objects(
    maps: NDArray[Any], options: ObjectOptions | None = None, spacing: Sequence[float] = ()
) -> NDArray[np.uint32]:
    """Number the objects.

    Parameters
    ----------
    maps
        (3, [Z,] Y, X): foreground, boundary and distance, from 0 to 1 or as uint8 of `to_uint8`.
    options
        How to find them; None: the defaults.
    spacing
        Pixel size along each axis, for the size of the smallest object; empty: sizes are in pixels.

    Returns
    -------
    ndarray of uint32
        ([Z,] Y, X): 0 for the background, else the number of the object, from 1, in the order of the
        objects in the image. A part of the foreground without a core is an object, too.

    Raises
    ------
    UserError
        When there are not three maps, values are not finite, or the pixel size is not above 0.
    """
    options = options or ObjectOptions()
    if maps.ndim not in (3, 4) or len(maps) != len(OBJECT_OUTPUTS):
        raise UserError(
            "These are not the maps of objects",
            value=f"shape {maps.shape}",
            rule=f"There are {len(OBJECT_OUTPUTS)} of a plane or volume: {', '.join(OBJECT_OUTPUTS)}.",
            remedy="Use a model whose task is 'objects'.",
        )
    levels = to_uint8(maps)
    inside, core, deep = object_masks(levels, options, spacing)
    cores = _containing(components(core), deep)
    return _finished(divide(components(inside), cores, levels[DISTANCE]), options, spacing)


def object_masks(
    maps: NDArray[Any], options: ObjectOptions, spacing: Sequence[float]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return what is foreground, where cores of objects are, and where they are deep enough to count.

    A pixel depends on its neighbours up to `MASK_HALO` away.

    Parameters
    ----------
    maps, options, spacing
        As for `find_objects`.
    """
    foreground, boundary, distance = to_uint8(maps)
    inside = foreground > options.foreground * UINT8_SCALE
    fine = [a for a in range(inside.ndim) if not spacing or spacing[a] < COARSE_AXIS * min(spacing)]
    full = UINT8_SCALE * 3 ** len(fine)
    depth = _summed(distance, fine)
    core = inside & (depth > int(options.seed * full))
    core &= _summed(boundary, fine) <= full // 2
    deep = core & (depth > int((options.seed + CORE_RISE * (1 - options.seed)) * full))
    return inside, core, deep


def connected_objects(
    classes: NDArray[Any], options: ObjectOptions | None = None, spacing: Sequence[float] = ()
) -> NDArray[np.uint32]:
    """Number the connected parts of each class, as `find_objects` does.

    Parameters
    ----------
    classes
        ([Z,] Y, X): 0 for the background, else the class.
    options, spacing
        As for `find_objects`; the thresholds have no effect.
    """
    return _finished(components(classes), options or ObjectOptions(), spacing)


def number_above(labels: NDArray[np.uint32], taken: int) -> int:
    """Raise the numbers of objects above those in use.

    Parameters
    ----------
    labels
        Objects, numbered from 1; changed in place.
    taken
        The highest number in use.

    Returns
    -------
    int
        The new highest number.
    """
    highest = int(labels.max(initial=0))
    labels[labels > 0] += np.uint32(taken)
    return taken + highest


def _summed(values: NDArray[np.uint8], axes: Sequence[int]) -> NDArray[np.uint16]:
    """Return the sum over three pixels along each of the axes; edge pixels are repeated beyond it.

    Single pixels of the maps are so noisy that one object would have many cores.
    """
    summed = np.ascontiguousarray(values, dtype=np.uint16)
    for axis in axes:
        lines = np.moveaxis(summed, axis, 0)
        lines = np.concatenate([lines[:1], lines, lines[-1:]])
        summed = np.moveaxis(lines[:-2] + lines[1:-1] + lines[2:], 0, axis)
    return summed


def _containing(labels: NDArray[np.uint32], mask: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """Remove labels without a pixel in a mask, in place; the other numbers stay."""
    flat = labels.ravel()
    inside = np.flatnonzero(flat > 0)
    numbers = flat[inside]
    held = np.zeros(int(labels.max(initial=0)) + 1, bool)
    held[numbers[mask.ravel()[inside]]] = True
    flat[inside[~held[numbers]]] = 0
    return labels


def _finished(
    labels: NDArray[np.uint32], options: ObjectOptions, spacing: Sequence[float]
) -> NDArray[np.uint32]:
    """Fill holes, remove small objects, and number the others in order."""
    if options.fill_holes:
        # a single plane has no edge along Z
        labels = filled(labels, [axis for axis, length in enumerate(labels.shape) if length > 1])
    labels = _renumbered(labels)
    large = large_enough(np.bincount(labels.ravel()), options, spacing)
    large[0] = False
    if not large[1:].all():
        labels = np.where(large, np.cumsum(large), 0).astype(np.uint32)[labels]
    return labels


def large_enough(
    sizes: NDArray[np.int64], options: ObjectOptions, spacing: Sequence[float]
) -> NDArray[np.bool_]:
    """Return which objects are not smaller than the smallest.

    Parameters
    ----------
    sizes
        Their pixels.
    options, spacing
        As for `find_objects`.
    """
    pixel = _pixel(spacing)
    smallest = DEFAULT_MIN_PIXELS * pixel if options.smallest is None else options.smallest
    return sizes * pixel >= smallest


def _renumbered(labels: NDArray[np.uint32]) -> NDArray[np.uint32]:
    return fastremap.renumber(labels)[0].astype(np.uint32, copy=False)


def filled(labels: NDArray[np.uint32], axes: Sequence[int]) -> NDArray[np.uint32]:
    """Fill the background that is enclosed by a single object.

    Parameters
    ----------
    labels
        Objects; 0 elsewhere.
    axes
        Along these, background at the edge of the array is not enclosed.
    """
    holes = components(labels == 0)
    n = int(holes.max(initial=0))
    enclosed = np.ones(n + 1, bool)
    enclosed[0] = False
    for axis in axes:
        # background at the edge of the image is not a hole
        enclosed[holes.take((0, -1), axis=axis)] = False
    if not enclosed.any():
        return labels
    where = np.flatnonzero(enclosed[holes])
    hole = holes.ravel()[where]
    result = labels.ravel().astype(np.uint32)
    # largest and smallest neighbour of each hole: the same for one inside a single object
    none = np.iinfo(np.uint32).max
    largest, smallest = np.zeros(n + 1, np.uint32), np.full(n + 1, none, np.uint32)
    for axis in axes:
        step = math.prod(labels.shape[axis + 1 :])
        for neighbour in (result[where - step], result[where + step]):
            np.maximum.at(largest, hole, neighbour)
            np.minimum.at(smallest, hole, np.where(neighbour > 0, neighbour, none))
    result[where] = np.where(largest == smallest, largest, 0)[hole]
    return result.reshape(labels.shape)


def components(values: NDArray[Any]) -> NDArray[np.uint32]:
    """Number the connected parts of one value: pixels connect by their edges, voxels by faces."""
    numbers: NDArray[Any] = cc3d.connected_components(
        np.ascontiguousarray(values), connectivity=4 if values.ndim == 2 else 6
    )
    return numbers.astype(np.uint32, copy=False)


def _pixel(spacing: Sequence[float]) -> float:
    """Return the area or volume of a pixel."""
    size = math.prod(spacing)
    if not (math.isfinite(size) and all(s > 0 for s in spacing)):
        raise UserError(
            "The pixel size makes no sense",
            value=" × ".join(map(str, spacing)),
            rule="The size of a pixel along each axis must be a number above 0.",
            remedy="Correct the layer's scale, or the file's; without one, sizes are in pixels.",
        )
    return size
