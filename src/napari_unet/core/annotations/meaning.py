"""What labels mean that were saved unusually: masks given as objects, and −1 without its sign."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import cc3d
import numpy as np

from napari_unet.core.progress import Job, Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_unet.core.annotations.annotation import Annotation

MASK_VALUES = (1, 255, 65535)
"""A single value besides 0 that says *foreground*; another one is the number of an object."""


class _Values(NamedTuple):
    """The largest label, and the largest of the others; 0 where there is none."""

    highest: int
    second: int


def understand(annotation: Annotation, done: float = 0, total: float = 0) -> Job[Annotation]:
    """Find out what the labels of an annotation mean.

    A mask given as objects, with one value for all that lies in several parts, is divided into these,
    in planes or volumes; parts that only touch across a corner are two. The largest number of an
    unsigned type, far above all others, is −1 that lost its sign: it marks pixels about which nothing is
    known.

    Parameters
    ----------
    annotation
        The annotation.
    done, total
        For the progress.

    Returns
    -------
    Annotation
        The same one where its labels are plain, else one with a note that says how they are understood.
    """
    values = yield from _values(annotation, done, total)
    dtype = np.dtype(annotation.paint.dtype)
    top = int(np.iinfo(dtype).max) if dtype.kind == "u" else 0
    if values.highest == top > 0 and 0 < values.second <= top // 2:
        note = (
            f"{annotation.name}: label {top}, far above the others (up to {values.second}), is taken "
            "for −1 that was saved without its sign: these pixels are unlabelled."
        )
        annotation = replace(annotation, unlabelled=top, notes=(*annotation.notes, note))
    elif annotation.kind == "objects" and not values.second and values.highest in MASK_VALUES:
        yield Progress(done, total, "Dividing the mask into objects")
        return _divided(annotation, values.highest)
    return annotation


def divided(labels: NDArray[Any], value: int) -> tuple[NDArray[np.int32], int]:
    """Number the connected parts of a mask.

    Parameters
    ----------
    labels
        A plane or volume, its axes in any order.
    value
        The label of the mask.

    Returns
    -------
    parts : ndarray of int32
        0, or the number of the part, from 1.
    n : int
        Number of parts.
    """
    mask = np.ascontiguousarray(labels == value)
    parts, n = cc3d.connected_components(
        mask, connectivity=4 if mask.ndim == 2 else 6, return_N=True
    )
    return parts.astype(np.int32), n


def _divided(annotation: Annotation, value: int) -> Annotation:
    parts = np.zeros(tuple(annotation.paint.shape), dtype=np.int32)
    total = 0
    for index in _volumes(annotation):
        numbered, n = divided(np.asarray(annotation.paint[index]), value)
        parts[index] = np.where(numbered > 0, numbered + total, 0)
        total += n
    if total < 2:
        return annotation
    note = (
        f"{annotation.name}: one value ({value}) lies in {total} parts, so it is a mask; divided into "
        f"{total} objects. Objects that touch are one."
    )
    return replace(annotation, paint=parts, notes=(*annotation.notes, note))


def _values(annotation: Annotation, done: float, total: float) -> Job[_Values]:
    """Return the two largest labels, or any two if it takes long to read them all."""
    in_memory = isinstance(annotation.paint, np.ndarray)
    found: list[int] = []
    for key in annotation.plane_keys() if in_memory or annotation.kind == "objects" else ():
        paint = annotation.read(*annotation.whole(key))
        highest = int(paint.max(initial=0))
        if highest:
            others = paint[paint != highest]
            found = sorted({*found, highest, int(others.max(initial=0))} - {0})[-2:]
        if len(found) > 1 and not in_memory:
            return _Values(found[1], found[1])
        yield Progress(done, total, "Inspecting the annotations")
    second, highest = [0, 0, *found][-2:]
    return _Values(highest, second)


def _volumes(annotation: Annotation) -> Iterator[tuple[Any, ...]]:
    """Return where each plane or volume lies in the labels."""
    axes = annotation.image.label_axes
    loops = [a for a in axes if a not in "ZYX"]
    for position in np.ndindex(*(annotation.image.sizes[a] for a in loops)):
        at = dict(zip(loops, position, strict=True))
        yield tuple(at.get(a, slice(None)) for a in axes)
