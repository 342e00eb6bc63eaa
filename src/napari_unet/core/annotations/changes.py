"""What a person changed in a result: pieces that were corrected, and objects that were removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.annotations.strokes import pieces

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.core.annotations.annotation import Kind, PlaneKey, Truth

UNCHANGED_IOU = 0.95
"""A piece that agrees with one of the result at least so well counts as unchanged: a slip of the brush
on its outline is no correction."""
REMOVED_FRACTION = 0.5
"""An object of the result is removed if more than this fraction of it is background now."""


@dataclass(frozen=True, eq=False)
class PlaneChanges:
    """How the labels of a plane differ from the result that they were copied from.

    Attributes
    ----------
    changed
        Whether each piece of the plane was changed or painted anew; the first entry is for no piece.
    removed
        (Y, X): 0, or the number of the removed piece, from 1.
    removed_values
        Label that each removed piece had; the first entry, for 0, is 0.
    """

    changed: NDArray[np.bool_]
    removed: NDArray[Any]
    removed_values: NDArray[np.int64]

    def __bool__(self) -> bool:
        return bool(self.changed.any() or len(self.removed_values) > 1)


def plane_changes(
    numbered: NDArray[Any], values: NDArray[np.int64], before: NDArray[Any], kind: Kind
) -> PlaneChanges:
    """Compare the pieces of a plane with the result that they were copied from.

    Parameters
    ----------
    numbered, values
        The pieces, as the function `pieces` returns them.
    before
        The result (Y, X): labels, none negative. Numbers of objects do not matter, classes do.
    kind
        What the labels mean.
    """
    old, old_values = pieces(before, kind)
    sizes = np.bincount(numbered.ravel(), minlength=len(values))
    old_sizes = np.bincount(old.ravel(), minlength=len(old_values))
    pairs = numbered.ravel().astype(np.int64) * len(old_values) + old.ravel()
    keys, shared = np.unique(pairs, return_counts=True)
    new, was = np.divmod(keys, len(old_values))
    iou = shared / (sizes[new] + old_sizes[was] - shared)
    same_label = (kind == "objects") | (values[new] == old_values[was])
    same = (iou >= UNCHANGED_IOU) & (new > 0) & (was > 0) & same_label
    changed = np.ones(len(values), bool)
    changed[0] = False
    changed[new[same]] = False
    cleared = (new == 0) & (was > 0) & (shared > REMOVED_FRACTION * old_sizes[was])
    return PlaneChanges(changed, *_removed(numbered, old, old_values, was[cleared]))


def _removed(
    numbered: NDArray[Any],
    old: NDArray[Any],
    old_values: NDArray[np.int64],
    cleared: NDArray[np.int64],
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Number the pieces of the result that are background now."""
    table = np.zeros(len(old_values), np.int64)
    table[cleared] = np.arange(1, len(cleared) + 1)
    removed = np.where(numbered == 0, table[old], 0)
    return removed, np.concatenate([[0], old_values[cleared]]).astype(np.int64)


def removed_pieces(truth: Truth, key: PlaneKey) -> NDArray[Any]:
    """Return the removed pieces of a plane, (Y, X), as in `PlaneChanges`."""
    frame, box = truth.annotation.whole(key)
    before = truth.annotation.read_before(frame, box)
    inside = truth.applies[key].window(*box)
    if before is None:
        return np.zeros(inside.shape, np.int64)
    paint = np.where(inside, truth.annotation.read(frame, box), 0)
    kind = truth.annotation.kind
    return plane_changes(*pieces(paint, kind), np.where(inside, before, 0), kind).removed
