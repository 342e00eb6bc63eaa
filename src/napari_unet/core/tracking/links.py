"""Which objects of two frames are the same, and which come from a division."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from napari_unet.core.tracking.assignment import assign

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.core.evaluation.overlaps import Overlaps
    from napari_unet.core.tracking.frame_objects import FrameObjects

    Positions = NDArray[np.intp]

UNLINKED = 0.6
"""Cost of an object without a partner. A link costs from 0 to about 1, so that two objects near each
other are left apart only for the sake of better links."""
SIZE_WEIGHT = 0.1
"""Weight of a size that doubles or halves; small, as nuclei shrink as they condense to divide."""
DAUGHTER_REACH = 1.5
"""How far daughters lie from their mother at most, in maximum distances."""
LEAST_DAUGHTER_RATIO = 0.5
"""Size of the smaller of two daughters over that of the larger one, at least."""
LARGEST_DAUGHTERS = 2.5
"""Size of both daughters together over that of their mother, at most; one that has condensed to divide
is as small as each of them."""
OFF_CENTRE = 0.35
"""How far the middle of two daughters lies from their mother at most, in distances between them; half of
it would be a mother that stays in place and another object beside it."""
HALVED = 0.75
"""Up to such a size, over that of their mother or of most objects, daughters may also lie more to one
side: both are condensed."""
ONE_SIDE = 0.6
"""How far the middle of such daughters lies from their mother at most, in maximum distances."""


@dataclass(frozen=True)
class Metric:
    """How distances are measured.

    Attributes
    ----------
    spacing
        Pixel size along each spatial axis.
    reach
        The distance at which a link is as dear as without any overlap, in the same unit.
    """

    spacing: Sequence[float]
    reach: float

    def place(self, objects: FrameObjects) -> NDArray[np.float64]:
        """Return centres in units of the reach."""
        return np.asarray(objects.centres * np.asarray(self.spacing) / self.reach)


@dataclass(frozen=True)
class Division:
    """An object that divides.

    Attributes
    ----------
    mother
        Its position in the frame before.
    daughters
        Positions in the frame after: the one that was linked with it, and a new one.
    cost
        How unlikely it is, as a distance in units of the reach.
    """

    mother: int
    daughters: tuple[int, int]
    cost: float


def link(
    before: FrameObjects, after: FrameObjects, overlaps: Overlaps | None, metric: Metric
) -> tuple[Positions, Positions]:
    """Link the objects of one frame with those of a later one.

    Parameters
    ----------
    before, after
        Objects of both frames.
    overlaps
        Which of them overlap, those before as the true ones; None: only distance counts.
    metric
        How distances are measured.

    Returns
    -------
    tuple of ndarray
        Positions in `before` and `after` of the objects that are the same.
    """
    shape = len(before), len(after)
    if not all(shape):
        return assign(np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0), shape, UNLINKED)
    here, there = metric.place(before), metric.place(after)
    near = cKDTree(here).sparse_distance_matrix(cKDTree(there), 1.0, output_type="coo_matrix")
    rows, columns = near.row.astype(np.intp), near.col.astype(np.intp)
    iou: NDArray[np.float64] = np.zeros(len(rows))
    if overlaps is not None:
        keys = rows * shape[1] + columns
        both = overlaps.rows * shape[1] + overlaps.columns
        every = np.union1d(keys, both)
        iou = np.zeros(len(every))
        iou[np.searchsorted(every, both)] = overlaps.iou
        rows, columns = np.divmod(every.astype(np.intp), shape[1])
    distance = np.minimum(np.linalg.norm(here[rows] - there[columns], axis=1), 1)
    growth = np.abs(np.log2(after.sizes[columns] / before.sizes[rows]))
    costs = (1 - iou) / 2 + distance**2 / 2 + SIZE_WEIGHT * np.minimum(growth, 2)
    return assign(rows, columns, costs, shape, UNLINKED)


def divide(
    before: FrameObjects,
    after: FrameObjects,
    linked: tuple[Positions, Positions],
    new: Positions,
    metric: Metric,
) -> list[Division]:
    """Find divisions: an object that goes on, and one without a partner, that come from the same.

    Daughters are about as large as each other and lie on both sides of where their mother was.

    Parameters
    ----------
    before, after
        Objects of two frames in succession.
    linked
        As `link` returns them.
    new
        Positions in `after` of objects without a partner.
    metric
        How distances are measured.

    Returns
    -------
    list of Division
        What divides.
    """
    mothers, first = linked
    if not len(mothers) or not len(new):
        return []
    here, there = metric.place(before), metric.place(after)
    tree = cKDTree(here[mothers])
    near = tree.sparse_distance_matrix(
        cKDTree(there[new]), DAUGHTER_REACH, output_type="coo_matrix"
    )
    i, j = near.row.astype(np.intp), near.col.astype(np.intp)
    mother, one, other = mothers[i], first[i], new[j]
    sizes = after.sizes[one], after.sizes[other]
    ratio = np.minimum(*sizes) / np.maximum(*sizes)
    growth = (sizes[0] + sizes[1]) / before.sizes[mother]
    apart = np.linalg.norm(there[one] - there[other], axis=1)
    off = np.linalg.norm((there[one] + there[other]) / 2 - here[mother], axis=1)
    whole = np.maximum(before.sizes[mother], np.median(after.sizes))
    halved = np.maximum(*sizes) <= HALVED * whole
    likely = (off <= OFF_CENTRE * apart) | (halved & (off <= ONE_SIDE))
    likely &= (ratio >= LEAST_DAUGHTER_RATIO) & (growth <= LARGEST_DAUGHTERS)
    costs = off + (1 - ratio)
    kept, children = assign(
        i[likely], j[likely], costs[likely], (len(mothers), len(new)), unlinked=10
    )
    cost_of = dict(zip(zip(i.tolist(), j.tolist(), strict=True), costs.tolist(), strict=True))
    return [
        Division(int(mothers[a]), (int(first[a]), int(new[b])), cost_of[a, b])
        for a, b in zip(kept.tolist(), children.tolist(), strict=True)
    ]
