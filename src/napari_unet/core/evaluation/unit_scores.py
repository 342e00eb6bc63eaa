"""Scores of the single held-out objects, strokes or blocks, by which two networks are compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.evaluation.overlaps import Overlaps

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class UnitScores:
    """A score for each held-out unit, in an order that is the same for all networks.

    Attributes
    ----------
    scores
        (n,) 0 to 1. Objects: the IoU with the prediction that covers more than half of it, shared with
        what is found falsely around it. Else the mean IoU of the classes in the unit.
    sizes
        (n,) annotated pixels of each.
    changed
        (n,) whether it was corrected or painted anew; else it is as in the result that was corrected.
    total_changed, total_unchanged
        Number of such units in the annotation, held out or not.
    what
        What the units are: ``"object"``, ``"stroke"`` or ``"area"``.
    """

    scores: Floats
    sizes: NDArray[np.int64]
    changed: NDArray[np.bool_]
    total_changed: int
    total_unchanged: int
    what: str

    def __len__(self) -> int:
        return len(self.scores)


class UnitTally:
    """Collects what a network predicts for the units, window by window.

    Parameters
    ----------
    n_classes
        Number of classes with the background.
    """

    def __init__(self, n_classes: int) -> None:
        self._n = n_classes
        self._counts: dict[Hashable, NDArray[np.int64]] = {}
        self._matched: dict[Hashable, tuple[float, float, float]] = {}

    def add_classes(
        self,
        keys: Sequence[Hashable],
        units: NDArray[np.int32],
        labels: NDArray[Any],
        truth: NDArray[Any],
    ) -> None:
        """Count the classes of a window.

        Parameters
        ----------
        keys
            Key of each unit.
        units
            Number of the unit at each pixel, from 1; 0: none.
        labels, truth
            Predicted and true classes; pixels with a negative true one do not count.
        """
        known = (units > 0) & (truth >= 0)
        n = self._n
        flat = (units[known].astype(np.int64) - 1) * n * n + truth[known] * n + labels[known]
        counts = np.bincount(flat, minlength=len(keys) * n * n).reshape(-1, n, n)
        for key, count in zip(keys, counts, strict=True):
            if count.any():
                self._counts[key] = self._counts.get(key, np.zeros((n, n), np.int64)) + count

    def add_objects(
        self,
        keys: Sequence[Hashable],
        units: NDArray[np.int32],
        labels: NDArray[Any],
        truth: NDArray[Any],
    ) -> None:
        """Compare the objects of a window; parameters as for `add_classes`.

        `truth` has the objects beside the held-out ones, too: a prediction that covers both is wrong.
        """
        overlaps = Overlaps.of(labels, truth)
        objects, jaccard = overlaps.true, overlaps.jaccard
        unit_of_true = _most_common(truth, units, objects)
        partner = np.zeros(len(overlaps.predicted), bool)
        most = 2 * overlaps.shared > overlaps.true_sizes[overlaps.rows]
        partner[overlaps.columns[most]] = True
        false = ~partner & ~overlaps.beyond
        unit_of_false = _most_common(labels, units, overlaps.predicted[false])
        for unit, size, iou in zip(unit_of_true, overlaps.true_sizes, jaccard, strict=True):
            self._add(keys, unit, float(size), float(size * iou), 0.0)
        sizes = overlaps.predicted_sizes[false]
        for unit, size in zip(unit_of_false, sizes, strict=True):
            self._add(keys, unit, 0.0, 0.0, float(size))

    def _add(
        self, keys: Sequence[Hashable], unit: int, size: float, covered: float, false: float
    ) -> None:
        if unit > 0:
            before = self._matched.get(keys[unit - 1], (0.0, 0.0, 0.0))
            new = (size, covered, false)
            self._matched[keys[unit - 1]] = tuple(np.add(before, new).tolist())

    def score(self, key: Hashable) -> float:
        """Return the score of a unit."""
        size, covered, false = self._matched.get(key, (0.0, 0.0, 0.0))
        if size > 0:
            return covered / size / (1 + min(1.0, false / size))
        counts = self._counts[key]
        true = counts.sum(axis=1)
        whole = true + counts.sum(axis=0) - np.diagonal(counts)
        present = true > 0
        return float((np.diagonal(counts)[present] / whole[present]).mean())

    def pixels(self, key: Hashable) -> int:
        """Return the pixels of a unit: of its object, if it is one, else all."""
        size = self._matched.get(key, (0.0, 0.0, 0.0))[0]
        return int(size) if size > 0 else int(self._counts[key].sum())

    @property
    def keys(self) -> list[Hashable]:
        """The units seen so far, in the order of their first pixel."""
        return list(self._counts)


def _most_common(
    labels: NDArray[Any], units: NDArray[np.int32], wanted: NDArray[np.int64]
) -> list[int]:
    """Return the unit in which most pixels of each wanted label are; 0 for none."""
    inside = np.isin(labels, wanted) & (labels > 0)
    pairs, counts = np.unique(
        np.stack([labels[inside].astype(np.int64), units[inside]]), axis=1, return_counts=True
    )
    best = dict.fromkeys(wanted.tolist(), (0, 0))
    for (label, unit), count in zip(pairs.T.tolist(), counts.tolist(), strict=True):
        if count > best[label][1]:
            best[label] = (unit, count)
    return [best[label][0] for label in wanted.tolist()]
