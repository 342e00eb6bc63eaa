"""Scores of the classes, over the labelled pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class ClassScore:
    """Scores of one class.

    Attributes
    ----------
    name
        Name of the class.
    pixels
        True pixels of the class.
    iou, dice
        0 to 1; NaN for a class neither true nor predicted.
    """

    name: str
    pixels: int
    iou: float
    dice: float


def mean_iou(scores: Sequence[ClassScore]) -> float:
    """Return the mean IoU of the classes with true pixels; NaN if there are none."""
    ious = [score.iou for score in scores if score.pixels]
    return sum(ious) / len(ious) if ious else math.nan


@dataclass(frozen=True, eq=False)
class Confusion:
    """Confusion matrix of the classes; those of several windows can be added.

    Attributes
    ----------
    counts
        (n, n) pixels by true class (rows) and predicted class (columns), background first.
    """

    counts: NDArray[np.int64]

    @classmethod
    def zero(cls, n: int) -> Confusion:
        """Return the matrix of no pixels, for n classes with the background."""
        return cls(np.zeros((n, n), dtype=np.int64))

    @classmethod
    def of(cls, prediction: NDArray[Any], truth: NDArray[Any], n: int) -> Confusion:
        """Compare labels with the truth.

        Parameters
        ----------
        prediction
            Labels, 0 ≤ label < n.
        truth
            Same shape: labels; pixels with negative ones do not count.
        n
            Number of classes with the background.

        Raises
        ------
        ValueError
            When a label is beyond the classes.
        """
        known = truth >= 0
        true, predicted = truth[known].astype(np.int64), prediction[known].astype(np.int64)
        if true.size and not (predicted.min() >= 0 and max(predicted.max(), true.max()) < n):
            raise ValueError(f"labels must lie between 0 and {n - 1}")
        return cls(np.bincount(true * n + predicted, minlength=n * n).reshape(n, n))

    def __add__(self, other: Confusion) -> Confusion:
        return Confusion(self.counts + other.counts)

    @property
    def pixels(self) -> NDArray[np.int64]:
        """True pixels of each class."""
        pixels: NDArray[np.int64] = self.counts.sum(axis=1)
        return pixels

    @property
    def iou(self) -> NDArray[np.float64]:
        """Intersection over union of each class, 0 to 1; NaN for one neither true nor predicted."""
        return self._over(self.pixels + self.counts.sum(axis=0) - self._correct, 1)

    @property
    def dice(self) -> NDArray[np.float64]:
        """Dice coefficient (F1) of each class, 0 to 1; NaN for one neither true nor predicted."""
        return self._over(self.pixels + self.counts.sum(axis=0), 2)

    @property
    def foreground_iou(self) -> float:
        """Mean IoU of the foreground classes with true pixels; NaN if there are none."""
        present = self.pixels[1:] > 0
        return float(self.iou[1:][present].mean()) if present.any() else float("nan")

    @property
    def foreground_dice(self) -> float:
        """Mean Dice of the foreground classes with true pixels; NaN if there are none."""
        present = self.pixels[1:] > 0
        return float(self.dice[1:][present].mean()) if present.any() else float("nan")

    def scores(self, names: Mapping[int, str]) -> tuple[ClassScore, ...]:
        """Return a score for each class, the background first; `names` may leave the background out."""
        every = {0: "background", **names}
        values = zip(self.pixels.tolist(), self.iou.tolist(), self.dice.tolist(), strict=True)
        return tuple(ClassScore(every[c], *each) for c, each in enumerate(values))

    @property
    def _correct(self) -> NDArray[np.int64]:
        return np.diagonal(self.counts)

    def _over(self, whole: NDArray[np.int64], times: int) -> NDArray[np.float64]:
        ratio = np.full(len(whole), np.nan)
        np.divide(times * self._correct, whole, out=ratio, where=whole > 0)
        return ratio
