"""Scores of objects: matching by IoU, average precision, SEG, splits and merges."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.core.evaluation.overlaps import Overlaps

    Counts = NDArray[np.int64]
    Values = NDArray[np.float64]

THRESHOLDS = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))
"""IoU 0.5, 0.55, … 0.95."""


def match(overlaps: Overlaps, threshold: float = 0.5) -> NDArray[np.intp]:
    """Match true and predicted objects one to one.

    Two objects can be matched if their IoU is at least the threshold. Above 0.5 an object has at most
    one such partner. At 0.5 and below as many as possible are matched, with the highest sum of IoU, as
    in StarDist (Schmidt et al. 2018, 10.1007/978-3-030-00934-2_30).

    Parameters
    ----------
    overlaps
        The objects.
    threshold
        IoU, above 0 to 1.

    Returns
    -------
    ndarray
        (matches,) positions in the pairs of `overlaps`, ascending.

    Raises
    ------
    ValueError
        When the threshold is not above 0.
    """
    if threshold <= 0:
        raise ValueError("the threshold must be above 0")
    iou = overlaps.iou
    pairs = np.flatnonzero(iou >= threshold)
    rows, columns = overlaps.rows[pairs], overlaps.columns[pairs]
    partners = np.bincount(rows)[rows] * np.bincount(columns)[columns]
    kept = [pairs[partners == 1], *_assign(overlaps, iou, pairs[partners > 1])]
    return np.sort(np.concatenate(kept))


def _assign(overlaps: Overlaps, iou: Values, pairs: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Solve the assignment problem in each group of objects that compete for partners."""
    if not pairs.size:
        return []
    n, m = len(overlaps.true), len(overlaps.predicted)
    rows, columns = overlaps.rows[pairs], overlaps.columns[pairs]
    graph = coo_array((np.ones(len(pairs)), (rows, n + columns)), shape=(n + m, n + m))
    group = connected_components(graph, directed=False)[1][rows]
    order = np.argsort(group, kind="stable")
    cuts = np.flatnonzero(np.diff(group[order])) + 1
    return [_best(overlaps, iou, some) for some in np.split(pairs[order], cuts)]


def _best(overlaps: Overlaps, iou: Values, pairs: NDArray[np.intp]) -> NDArray[np.intp]:
    rows, row = np.unique(overlaps.rows[pairs], return_inverse=True)
    columns, column = np.unique(overlaps.columns[pairs], return_inverse=True)
    number = np.full((len(rows), len(columns)), -1, dtype=np.intp)
    number[row, column] = pairs
    gain = np.zeros(number.shape)
    # one more match outweighs any sum of IoU
    gain[row, column] = 1 + iou[pairs] / (2 * min(number.shape))
    assigned = number[linear_sum_assignment(gain, maximize=True)]
    best: NDArray[np.intp] = assigned[assigned >= 0]
    return best


@dataclass(frozen=True, eq=False)
class ObjectScores:
    """Counts of objects, image by image; those of several images can be added.

    Every score is an array with a row for each image. `pooled` sums the counts, so that each object has
    the same weight in its scores; in `image_mean` each image has. A score with nothing to count is NaN.

    Attributes
    ----------
    thresholds
        (t,) IoU from which two objects match.
    n_true
        (images,) true objects.
    tp, fp
        (images, t) predictions with and without a matching true object. A prediction with more than
        half of its pixels unlabelled may be matched, but is never a false positive.
    matched_iou
        (images, t) sum of the IoU of the matches.
    jaccard
        (images,) sum of `Overlaps.jaccard`.
    splits, merges
        (images,) true objects that are split, and predictions that merge true objects, as defined in
        `Overlaps`.
    """

    thresholds: Values
    n_true: Counts
    tp: Counts
    fp: Counts
    matched_iou: Values
    jaccard: Values
    splits: Counts
    merges: Counts

    @classmethod
    def zero(cls, thresholds: Sequence[float] = THRESHOLDS) -> ObjectScores:
        """Return the scores of no images."""
        none, several = np.zeros(0, np.int64), np.zeros((0, len(thresholds)), np.int64)
        levels = np.array(thresholds, dtype=np.float64)
        sums = several.astype(np.float64), none.astype(np.float64)
        return cls(levels, none, several, several, *sums, none, none)

    @classmethod
    def of(cls, overlaps: Overlaps, thresholds: Sequence[float] = THRESHOLDS) -> ObjectScores:
        """Score one image."""
        matches = [match(overlaps, threshold) for threshold in thresholds]
        iou = overlaps.iou
        extra = np.tile(~overlaps.beyond, (len(matches), 1))
        for unmatched, pairs in zip(extra, matches, strict=True):
            unmatched[overlaps.columns[pairs]] = False
        return cls(
            np.array(thresholds, dtype=np.float64),
            np.array([len(overlaps.true)]),
            np.array([[len(pairs) for pairs in matches]]),
            extra.sum(axis=1)[None],
            np.array([[iou[pairs].sum() for pairs in matches]]),
            np.array([overlaps.jaccard.sum()]),
            np.array([len(np.unique(overlaps.rows[overlaps.splitting]))]),
            np.array([len(np.unique(overlaps.columns[overlaps.merging]))]),
        )

    def __add__(self, other: ObjectScores) -> ObjectScores:
        if not np.array_equal(self.thresholds, other.thresholds):
            raise ValueError("scores at different thresholds can't be added")
        names = [field.name for field in fields(self)[1:]]
        joined = [np.concatenate([getattr(self, n), getattr(other, n)]) for n in names]
        return ObjectScores(self.thresholds, *joined)

    @property
    def pooled(self) -> ObjectScores:
        """The counts of all images summed, as those of one."""
        names = [field.name for field in fields(self)[1:]]
        return ObjectScores(
            self.thresholds, *(getattr(self, n).sum(0, keepdims=True) for n in names)
        )

    @property
    def fn(self) -> Counts:
        """(images, t) true objects without a match."""
        return self.n_true[:, None] - self.tp

    @property
    def ap(self) -> Values:
        """(images, t) average precision TP / (TP + FP + FN), 0 to 1."""
        return _over(self.tp, self.tp + self.fp + self.fn)

    @property
    def precision(self) -> Values:
        """(images, t) fraction of the predictions that are matched, 0 to 1."""
        return _over(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> Values:
        """(images, t) fraction of the true objects that are matched, 0 to 1."""
        return _over(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> Values:
        """(images, t) 2 TP / (2 TP + FP + FN), 0 to 1."""
        return _over(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def mean_matched_iou(self) -> Values:
        """(images, t) mean IoU of the matched pairs, threshold to 1."""
        return _over(self.matched_iou, self.tp)

    @property
    def mean_true_iou(self) -> Values:
        """(images, t) mean IoU over all true objects, 0 for those without a match; 0 to 1."""
        return _over(self.matched_iou, self.tp + self.fn)

    @property
    def seg(self) -> Values:
        """(images,) SEG of the Cell Tracking Challenge, 0 to 1."""
        return _over(self.jaccard, self.n_true)


def image_mean(values: Values) -> Values:
    """Return the mean over the images that have a value; NaN where none has."""
    return _over(np.nansum(values, axis=0), np.isfinite(values).sum(axis=0))


def _over(part: NDArray[np.number], whole: NDArray[np.number]) -> Values:
    ratio = np.full(np.shape(whole), np.nan)
    np.divide(part, whole, out=ratio, where=np.asarray(whole) > 0)
    return ratio
