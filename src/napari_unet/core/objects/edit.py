"""Edits of labels: which pixels get which values. Nothing is written here.

Whoever applies an `Edit` can keep the old values, to undo it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MIN_PIECE_FRACTION = 0.05
"""Fraction of an object that a third piece needs to become an object of its own after a cut."""


@dataclass(frozen=True, eq=False)
class Edit:
    """Pixels and their new values.

    Attributes
    ----------
    where
        Index arrays of length n, one for each dimension.
    values
        The new value of each of the n pixels, in the dtype of the labels.
    """

    where: tuple[NDArray[np.intp], ...]
    values: NDArray[Any]

    @classmethod
    def between(cls, before: NDArray[Any], after: NDArray[Any]) -> Edit:
        """Return the edit that turns labels into other labels of the same shape."""
        where = np.nonzero(before != after)
        return cls(where, after[where].astype(before.dtype))

    def shifted(self, corner: Sequence[int]) -> Edit:
        """Return the same edit for larger labels, in which these begin at a corner."""
        where = tuple(i + first for i, first in zip(self.where, corner, strict=True))
        return Edit(where, self.values)


def renumber(labels: NDArray[Any], old: int, new: int) -> Edit:
    """Give an object another number: that of another object to merge the two, or 0 to delete it.

    Parameters
    ----------
    labels
        Integers.
    old, new
        The numbers.
    """
    where = np.nonzero(labels == old)
    return Edit(where, np.full(len(where[0]), new, labels.dtype))


def fill_holes(labels: NDArray[Any], number: int) -> Edit:
    """Fill the background that an object encloses; other objects inside it stay.

    Parameters
    ----------
    labels
        (Y, X) or (Z, Y, X).
    number
        Number of the object.

    Raises
    ------
    UserError
        When the object has no holes.
    """
    box = _box(labels == number)
    part = labels[box]
    holes = ndimage.binary_fill_holes(part == number) & (part == 0)
    if not holes.any():
        raise UserError(
            f"Object {number} has no holes",
            rule="A hole is background that the object encloses on all sides.",
            remedy="Close the object's outline with the brush first, or choose another object.",
        )
    where = np.nonzero(holes)
    edit = Edit(where, np.full(len(where[0]), number, labels.dtype))
    return edit.shifted([part.start for part in box])


def enclosed(points: NDArray[Any], shape: Sequence[int]) -> NDArray[np.intp]:
    """Return the pixels on and inside a drawn line, which is closed from its end to its beginning.

    Parameters
    ----------
    points
        (n, 2) positions; those outside the plane are moved to its edge.
    shape
        Of the plane.

    Returns
    -------
    NDArray
        (m, 2) pixels.
    """
    drawn = np.zeros(tuple(shape), bool)
    closed = np.clip(np.concatenate([points, points[:1]]), 0, np.subtract(shape, 1))
    drawn[tuple(line(closed).T)] = True
    return np.argwhere(ndimage.binary_fill_holes(drawn))


def new_object(labels: NDArray[Any], inside: NDArray[np.bool_], number: int) -> Edit:
    """Make a new object of the background in a mask; other objects keep all they have.

    Parameters
    ----------
    labels
        (Y, X) or (Z, Y, X).
    inside
        The mask, of the same shape.
    number
        Number of the new object.

    Raises
    ------
    UserError
        When there is no background in it.
    """
    where = np.nonzero(inside & (labels == 0))
    if not len(where[0]):
        raise UserError(
            "The outline encloses no background",
            rule="The background inside an outline becomes a new object; other objects stay.",
            remedy="Draw around something that is not part of an object yet, or delete that first.",
        )
    return Edit(where, np.full(len(where[0]), number, labels.dtype))


def remove_class(labels: NDArray[Any], value: int) -> Edit:
    """Remove a class: its pixels become 0, and the classes above it move down by one.

    Parameters
    ----------
    labels
        Integers.
    value
        Label of the class.
    """
    where = np.nonzero(labels >= value)
    before = labels[where]
    return Edit(where, np.where(before == value, 0, before - 1).astype(labels.dtype))


def free_number(labels: NDArray[Any]) -> int:
    """Return an unused number: one above the largest, or a gap if the dtype ends there.

    Raises
    ------
    UserError
        When all numbers of the dtype are in use.
    """
    largest = int(labels.max(initial=0))
    last = int(np.iinfo(labels.dtype).max)
    if largest < last:
        return max(largest, 0) + 1
    used = np.unique(labels[labels > 0])
    gaps = np.nonzero(used != np.arange(1, len(used) + 1))[0]
    if not len(gaps):
        raise UserError(
            "There is no free number left",
            value=f"{last} objects",
            rule=f"Labels of type {labels.dtype} number at most {last} objects.",
            remedy="Convert the layer to a larger type: right-click it in the layer list.",
        )
    return int(gaps[0]) + 1


def line(points: NDArray[Any]) -> NDArray[np.intp]:
    """Return the pixels under a drawn line, each sharing an edge with the one before.

    So nothing can pass between them, not even diagonally.

    Parameters
    ----------
    points
        (n, 2) positions; n is at least 1.

    Returns
    -------
    NDArray
        (m, 2) pixels.
    """
    pixels = [np.round(points[0]).astype(np.intp)]
    for start, end in pairwise(points):
        steps = max(1, int(np.ceil(4 * np.abs(end - start).max())))
        for fraction in np.arange(1, steps + 1) / steps:
            pixel = np.round(start + fraction * (end - start)).astype(np.intp)
            last = pixels[-1]
            if (pixel != last).all():
                pixels.append(np.array([pixel[0], last[1]]))
            if (pixel != pixels[-1]).any():
                pixels.append(pixel)
    return np.array(pixels)


def split(labels: NDArray[Any], cut: NDArray[np.bool_], free: int) -> Edit:
    """Split an object along a cut; the largest piece keeps its number.

    Of the objects that the cut touches, the one with the most pixels under it is split. Its pixels under
    the cut go to the nearest piece.

    Parameters
    ----------
    labels
        (Y, X) or (Z, Y, X).
    cut
        The pixels under the cut, in the same shape; see `line`.
    free
        The first new number; those above it must be unused, too.

    Raises
    ------
    UserError
        When the cut touches no object, or does not go all the way across one.
    """
    under = labels[cut]
    under = under[under > 0]
    if not len(under):
        raise UserError(
            "The line crosses no object",
            rule="An object is split by a line across it.",
            remedy="Draw from the background on one side of the object to that on the other side.",
        )
    numbers, counts = np.unique(under, return_counts=True)
    number = int(numbers[counts.argmax()])
    box = _box(labels == number)
    part = labels[box]
    after = _split(part == number, cut[box], number, free)
    edit = Edit.between(part, np.where(after > 0, after, part))
    return edit.shifted([part.start for part in box])


def _split(
    mask: NDArray[np.bool_], cut: NDArray[np.bool_], number: int, free: int
) -> NDArray[np.int64]:
    """Return the new number of each pixel of an object; 0 outside it and in parts it leaves alone."""
    neighbours = np.ones((3,) * mask.ndim)
    whole, _ = ndimage.label(mask, neighbours)
    touched = mask & np.isin(whole, np.unique(whole[mask & cut]))
    pieces, n = ndimage.label(touched & ~cut, neighbours)
    if n < 2:
        raise UserError(
            f"The line does not split object {number}",
            rule="A line that splits an object leaves some of it on both sides.",
            remedy="Draw all the way across, from background to background.",
        )
    sizes = np.bincount(pieces.ravel(), minlength=n + 1)[1:]
    order = np.argsort(-sizes, kind="stable")
    kept = [
        i for rank, i in enumerate(order) if rank < 2 or sizes[i] > MIN_PIECE_FRACTION * sizes.sum()
    ]
    new_numbers = np.zeros(n + 1, np.int64)
    new_numbers[np.array(kept) + 1] = [number, *range(free, free + len(kept) - 1)]
    numbered = new_numbers[pieces]
    nearest = ndimage.distance_transform_edt(
        numbered == 0, return_distances=False, return_indices=True
    )
    after: NDArray[np.int64] = np.where(touched, numbered[tuple(nearest)], 0)
    return after


def _box(mask: NDArray[np.bool_]) -> tuple[slice, ...]:
    """Return the smallest box around the pixels of a mask; an empty one if there are none."""
    boxes = ndimage.find_objects(mask.astype(np.uint8))
    return boxes[0] if boxes else (slice(0, 0),) * mask.ndim
