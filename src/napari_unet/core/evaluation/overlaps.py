"""Which objects of two label images overlap, and by how many pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]
    Shares = NDArray[np.float64]

MIN_PIECE_FRACTION = 0.1
"""A piece of an object does not count below this fraction of the object's largest piece."""


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Sparse contingency table of the objects of two label images, over the known pixels.

    Attributes
    ----------
    true, predicted
        (n,) and (m,) label values of the true and of the predicted objects, ascending.
    true_sizes, predicted_sizes
        (n,) and (m,) known pixels of each.
    beyond
        (m,) bool: predicted objects with more than half of their pixels unlabelled.
    rows, columns
        (k,) positions in `true` and `predicted` of each pair of objects that overlap.
    shared
        (k,) pixels that they share.
    """

    true: Numbers
    predicted: Numbers
    true_sizes: Numbers
    predicted_sizes: Numbers
    beyond: NDArray[np.bool_]
    rows: Numbers
    columns: Numbers
    shared: Numbers

    @classmethod
    def of(cls, prediction: NDArray[Any], truth: NDArray[Any]) -> Overlaps:
        """Compare two label images.

        Parameters
        ----------
        prediction
            Integers, any number of dimensions: 0 for background, each other label one object.
        truth
            Same shape: likewise, and negative where unlabelled. Such pixels belong to no object and do
            not count in sizes, overlaps or IoU; a predicted object only in such pixels is left out.

        Raises
        ------
        ValueError
            When shapes differ, labels are not integers, or a prediction is negative.
        """
        if prediction.shape != truth.shape:
            raise ValueError(f"shapes differ: {prediction.shape} and {truth.shape}")
        if not {prediction.dtype.kind, truth.dtype.kind} <= set("iub"):
            raise ValueError(f"labels must be integers, not {prediction.dtype}, {truth.dtype}")
        if prediction.size and prediction.min() < 0:
            raise ValueError("a predicted label is negative")
        true_label, label, pixels = _pairs(truth, prediction)
        known, predicted_object = true_label >= 0, label > 0
        true, true_sizes = _sums(true_label[true_label > 0], pixels[true_label > 0])
        predicted, sizes = _sums(label[known & predicted_object], pixels[known & predicted_object])
        everywhere, whole = _sums(label[predicted_object], pixels[predicted_object])
        both = (true_label > 0) & predicted_object
        return cls(
            true,
            predicted,
            true_sizes,
            sizes,
            2 * sizes < whole[np.searchsorted(everywhere, predicted)],
            np.searchsorted(true, true_label[both]),
            np.searchsorted(predicted, label[both]),
            pixels[both],
        )

    @property
    def iou(self) -> Shares:
        """(k,) intersection over union of each pair, above 0 to 1."""
        sizes = self.true_sizes[self.rows] + self.predicted_sizes[self.columns]
        return np.asarray(self.shared / (sizes - self.shared))

    @property
    def jaccard(self) -> Shares:
        """(n,) IoU of each true object with the prediction that covers more than half of it.

        0 if there is none. Their mean is SEG of the Cell Tracking Challenge (Maška et al. 2014,
        10.1093/bioinformatics/btu080).
        """
        most = 2 * self.shared > self.true_sizes[self.rows]
        jaccard = np.zeros(len(self.true))
        jaccard[self.rows[most]] = self.iou[most]
        return jaccard

    @property
    def merging(self) -> NDArray[np.bool_]:
        """(k,) bool: the pairs of a predicted object that merges true ones, with each of these.

        A prediction that covers more than half of a true object has it as a piece. Pieces with less
        than a tenth (`MIN_PIECE_FRACTION`) of the shared pixels of the largest are left out. A
        prediction with two pieces or more merges them.
        """
        inside = 2 * self.shared > self.true_sizes[self.rows]
        return self._in_pieces(inside, self.columns, len(self.predicted))

    @property
    def splitting(self) -> NDArray[np.bool_]:
        """(k,) bool: the pairs of a true object that is split, with each predicted piece of it.

        Like `merging`, with the roles exchanged: two predictions or more have more than half of their
        pixels in the true object.
        """
        inside = 2 * self.shared > self.predicted_sizes[self.columns]
        return self._in_pieces(inside, self.rows, len(self.true))

    def _in_pieces(self, inside: NDArray[np.bool_], whole: Numbers, n: int) -> NDArray[np.bool_]:
        """Return the pairs whose `whole` has two pieces or more among those `inside` it."""
        largest = np.zeros(n, dtype=np.int64)
        np.maximum.at(largest, whole[inside], self.shared[inside])
        pieces = inside & (self.shared >= MIN_PIECE_FRACTION * largest[whole])
        several = np.bincount(whole[pieces], minlength=n) > 1
        return pieces & several[whole]


def _pairs(truth: NDArray[Any], prediction: NDArray[Any]) -> tuple[Numbers, Numbers, Numbers]:
    """Return each combination of two labels, and its number of pixels."""
    flat_true, flat = truth.ravel(), prediction.ravel()
    # labels form runs along the rows: sorting these is many times faster than sorting pixels
    first = np.ones(flat_true.size, dtype=bool)
    first[1:] = (flat_true[1:] != flat_true[:-1]) | (flat[1:] != flat[:-1])
    starts = np.flatnonzero(first)
    true, rows = np.unique(flat_true[starts].astype(np.int64), return_inverse=True)
    predicted, columns = np.unique(flat[starts].astype(np.int64), return_inverse=True)
    keys, pixels = _sums(rows * len(predicted) + columns, np.diff(starts, append=flat_true.size))
    rows, columns = np.divmod(keys, max(len(predicted), 1))
    return true[rows], predicted[columns], pixels


def _sums(values: Numbers, pixels: Numbers) -> tuple[Numbers, Numbers]:
    """Return each value once, ascending, with the sum of its pixels."""
    unique, inverse = np.unique(values, return_inverse=True)
    sums = np.zeros(len(unique), dtype=np.int64)
    np.add.at(sums, inverse, pixels)
    return unique, sums
