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

from napari_unet.core.errors import UserError
from napari_unet.core.inference.outputs import UINT8_SCALE, to_uint8
from napari_unet.core.model.object_options import ObjectOptions
from napari_unet.core.model.spec import OBJECT_OUTPUTS
from napari_unet.core.objects.watershed import divide

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SPECK = 10
"""Pixels of the smallest object where nothing is said about it."""

RISE = 1 / 6
"""A core gets deeper than where it begins by this share of what is left to the middle: at its rim, noise
makes islands that don't."""

DEEP = 3
"""Along an axis with so many times the finest pixel size, neighbours say little about a pixel."""


def find_objects(
    maps: NDArray[Any], options: ObjectOptions | None = None, spacing: Sequence[float] = ()
) -> NDArray[np.uint32]:
    """Number the objects.

    Parameters
    ----------
    maps
        (3, [Z,] Y, X): foreground, boundary and distance, as numbers from 0 to 1 or as the levels of
        `to_uint8`.
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
    if maps.ndim not in (3, 4) or len(maps) != len(OBJECT_OUTPUTS):
        raise UserError(
            "These are not the maps of objects",
            value=f"shape {maps.shape}",
            rule=f"They are {len(OBJECT_OUTPUTS)}: {', '.join(OBJECT_OUTPUTS)}, of a plane or a volume.",
            remedy="Use a model whose task is 'objects'.",
        )
    foreground, boundary, distance = to_uint8(maps)
    inside = foreground > options.foreground * UINT8_SCALE
    fine = [a for a in range(inside.ndim) if not spacing or spacing[a] < DEEP * min(spacing)]
    full = UINT8_SCALE * 3 ** len(fine)
    depth = _summed(distance, fine)
    core = inside & (depth > int(options.seed * full))
    core &= _summed(boundary, fine) <= full // 2
    deep = core & (depth > int((options.seed + RISE * (1 - options.seed)) * full))
    cores = _holding(_components(core), deep)
    return _finished(divide(_components(inside), cores, distance), options, spacing)


def connected_objects(
    classes: NDArray[Any], options: ObjectOptions | None = None, spacing: Sequence[float] = ()
) -> NDArray[np.uint32]:
    """Number the connected parts of each class, as `find_objects` does.

    Parameters
    ----------
    classes
        ([Z,] Y, X): 0 for the background, else the class.
    options, spacing
        As there; the thresholds have no effect.
    """
    return _finished(_components(classes), options or ObjectOptions(), spacing)


def number_above(labels: NDArray[np.uint32], taken: int) -> int:
    """Let the numbers of objects follow those taken already.

    Parameters
    ----------
    labels
        Objects, numbered from 1; changed in place.
    taken
        The highest number of other objects.

    Returns
    -------
    int
        The highest number now.
    """
    highest = int(labels.max(initial=0))
    labels[labels > 0] += np.uint32(taken)
    return taken + highest


def _summed(values: NDArray[np.uint8], axes: Sequence[int]) -> NDArray[np.uint16]:
    """Sum over three pixels along each of the axes; the image's edge goes on beyond it.

    Single pixels of a network's maps are so noisy that one object would have many cores.
    """
    summed = np.ascontiguousarray(values, dtype=np.uint16)
    for axis in axes:
        lines = np.moveaxis(summed, axis, 0)
        lines = np.concatenate([lines[:1], lines, lines[-1:]])
        summed = np.moveaxis(lines[:-2] + lines[1:-1] + lines[2:], 0, axis)
    return summed


def _holding(labels: NDArray[np.uint32], mask: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """Leave out, in place, what holds no pixel of a mask; numbers stay."""
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
    """Fill holes, leave out what is small, and number the rest in order."""
    pixel = _pixel(spacing)
    if options.fill_holes:
        labels = _filled(labels)
    smallest = SPECK * pixel if options.smallest is None else options.smallest
    labels = _renumbered(labels)
    if smallest > 0:
        stays = np.bincount(labels.ravel()) * pixel >= smallest
        stays[0] = False
        if not stays[1:].all():
            labels = np.where(stays, np.cumsum(stays), 0).astype(np.uint32)[labels]
    return labels


def _renumbered(labels: NDArray[np.uint32]) -> NDArray[np.uint32]:
    return fastremap.renumber(labels)[0].astype(np.uint32, copy=False)


def _filled(labels: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Fill the background that is shut in by a single object."""
    holes = _components(labels == 0)
    n = int(holes.max(initial=0))
    shut = np.ones(n + 1, bool)
    shut[0] = False
    # a single plane has no edge along Z
    axes = [axis for axis, length in enumerate(labels.shape) if length > 1]
    for axis in axes:
        # background that reaches the edge of the image is no hole
        shut[holes.take((0, -1), axis=axis)] = False
    if not shut.any():
        return labels
    where = np.flatnonzero(shut[holes])
    hole = holes.ravel()[where]
    filled = labels.ravel().astype(np.uint32)
    # largest and smallest neighbour of each hole: the same for one inside a single object
    none = np.iinfo(np.uint32).max
    most, least = np.zeros(n + 1, np.uint32), np.full(n + 1, none, np.uint32)
    for axis in axes:
        step = math.prod(labels.shape[axis + 1 :])
        for beside in (filled[where - step], filled[where + step]):
            np.maximum.at(most, hole, beside)
            np.minimum.at(least, hole, np.where(beside > 0, beside, none))
    filled[where] = np.where(most == least, most, 0)[hole]
    return filled.reshape(labels.shape)


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
