"""Objects that were labelled in a few planes of a volume, filled in between.

An object's shape between two planes is where the mean of the signed distances to its two outlines,
weighted by how near each plane is, is positive (Raya and Udupa 1990, 10.1109/42.52980).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from edt import edt
from scipy import ndimage

from napari_unet.core.errors import UserError
from napari_unet.core.objects.edit import Edit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


def fill_between(labels: NDArray[Any], axis: int = 0) -> Edit:
    """Fill the planes between those in which an object is labelled, where it is missing in between.

    Parameters
    ----------
    labels
        Three axes: numbers of objects, 0 for the background.
    axis
        Along which planes were labelled.

    Returns
    -------
    Edit
        Only background is changed; where two objects meet, the one with the smaller number comes first.

    Raises
    ------
    UserError
        When no object is missing in a plane between two that have it.
    """
    planes = np.moveaxis(labels, axis, 0)
    after = planes.copy()
    for number, box in enumerate(ndimage.find_objects(planes.astype(np.int64)), 1):
        if box is None:
            continue
        own = planes[box] == number
        for z, inside in _missing(own):
            place = (z + box[0].start, *box[1:])
            free = inside & (after[place] == 0)
            after[place][free] = number
    edit = Edit.between(labels, np.moveaxis(after, 0, axis))
    if not len(edit.values):
        raise UserError(
            "There is nothing to fill",
            value="no object is missing between two planes that have it",
            rule="An object is filled in between planes in which it has the same number.",
            remedy="Paint it in two planes, with one number, and leave out those between.",
        )
    return edit


def _missing(own: NDArray[np.bool_]) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Yield the planes in which an object is missing, and its shape there."""
    known = np.flatnonzero(own.any(axis=(1, 2)))
    for first, last in pairwise(known.tolist()):
        if last == first + 1:
            continue
        below, above = _signed(own[first]), _signed(own[last])
        for z in range(first + 1, last):
            share = (z - first) / (last - first)
            yield z, (1 - share) * below + share * above > 0


def _signed(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the distance to the outline: positive inside, negative outside."""
    padded = np.pad(mask, 1)
    inside = edt(padded.astype(np.uint8)) - edt((~padded).astype(np.uint8))
    cut: NDArray[np.float32] = inside[1:-1, 1:-1]
    return cut
