"""Which objects of two label images overlap, and by how many pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]
    Shares = NDArray[np.float64]

SPECK = 0.1
"""A piece of an object smaller than this share of the object's largest piece is no piece."""


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
        (m,) bool: predicted objects of which more than half lies where nothing is known.
    rows, columns
        (k,) positions in `true` and `predicted` of every two that overlap, each pair once.
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
            Whole numbers, any number of dimensions: 0 background, each other value one object.
        truth
            Same shape: likewise, and negative where nothing is known. Such pixels belong to no object
            and count for no size, overlap or IoU; a predicted object wholly among them is left out.

        Raises
        ------
        ValueError
            When shapes differ, values are no whole numbers, or a prediction is negative.
        """
        if prediction.shape != truth.shape:
            raise ValueError(f"shapes differ: {prediction.shape} and {truth.shape}")
        if not {prediction.dtype.kind, truth.dtype.kind} <= set("iub"):
            raise ValueError(f"labels are whole numbers, not {prediction.dtype}, {truth.dtype}")
        if prediction.size and prediction.min() < 0:
            raise ValueError("a predicted label is negative")
        real, found, pixels = _pairs(truth, prediction)
        known, thing = real >= 0, found > 0
        true, true_sizes = _sums(real[real > 0], pixels[real > 0])
        predicted, sizes = _sums(found[known & thing], pixels[known & thing])
        everywhere, whole = _sums(found[thing], pixels[thing])
        both = (real > 0) & thing
        return cls(
            true,
            predicted,
            true_sizes,
            sizes,
            2 * sizes < whole[np.searchsorted(everywhere, predicted)],
            np.searchsorted(true, real[both]),
            np.searchsorted(predicted, found[both]),
            pixels[both],
        )

    @property
    def iou(self) -> Shares:
        """(k,) intersection over union of every two that overlap, above 0 to 1."""
        sizes = self.true_sizes[self.rows] + self.predicted_sizes[self.columns]
        return np.asarray(self.shared / (sizes - self.shared))

    @property
    def jaccard(self) -> Shares:
        """(n,) IoU of each true object with the prediction that covers more than half of it.

        0 where there is none. Their mean is SEG of the Cell Tracking Challenge (Maška et al. 2014,
        10.1093/bioinformatics/btu080).
        """
        most = 2 * self.shared > self.true_sizes[self.rows]
        found = np.zeros(len(self.true))
        found[self.rows[most]] = self.iou[most]
        return found

    @property
    def merging(self) -> NDArray[np.bool_]:
        """(k,) the pairs of a predicted object that merges true ones, with each of these.

        A true object is a piece of a prediction that covers more than half of it; each is of one at
        most. Pieces below a tenth (`SPECK`) of the largest, in shared pixels, are left out. A
        prediction with two pieces or more merges them.
        """
        inside = 2 * self.shared > self.true_sizes[self.rows]
        return self._in_pieces(inside, self.columns, len(self.predicted))

    @property
    def splitting(self) -> NDArray[np.bool_]:
        """(k,) the pairs of a true object that is split, with each predicted piece of it.

        `merging` with the roles exchanged: two predictions or more have more than half of their
        pixels in the true object, none of them a speck beside the largest.
        """
        inside = 2 * self.shared > self.predicted_sizes[self.columns]
        return self._in_pieces(inside, self.rows, len(self.true))

    def _in_pieces(self, inside: NDArray[np.bool_], whole: Numbers, n: int) -> NDArray[np.bool_]:
        """Choose the pairs whose `whole` has two pieces or more among those `inside` it."""
        largest = np.zeros(n, dtype=np.int64)
        np.maximum.at(largest, whole[inside], self.shared[inside])
        pieces = inside & (self.shared >= SPECK * largest[whole])
        several = np.bincount(whole[pieces], minlength=n) > 1
        return pieces & several[whole]


def _pairs(truth: NDArray[Any], prediction: NDArray[Any]) -> tuple[Numbers, Numbers, Numbers]:
    """Return every two values that meet in a pixel, and in how many pixels."""
    real, found = truth.ravel(), prediction.ravel()
    # labels come in runs along the rows: sorting these is many times quicker than sorting pixels
    first = np.ones(real.size, dtype=bool)
    first[1:] = (real[1:] != real[:-1]) | (found[1:] != found[:-1])
    starts = np.flatnonzero(first)
    true, rows = np.unique(real[starts].astype(np.int64), return_inverse=True)
    predicted, columns = np.unique(found[starts].astype(np.int64), return_inverse=True)
    keys, pixels = _sums(rows * len(predicted) + columns, np.diff(starts, append=real.size))
    rows, columns = np.divmod(keys, max(len(predicted), 1))
    return true[rows], predicted[columns], pixels


def _sums(values: Numbers, pixels: Numbers) -> tuple[Numbers, Numbers]:
    """Return each value once, ascending, with the sum of its pixels."""
    unique, inverse = np.unique(values, return_inverse=True)
    sums = np.zeros(len(unique), dtype=np.int64)
    np.add.at(sums, inverse, pixels)
    return unique, sums
