"""How good labels are, over the pixels whose class is known."""

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
    """How one class does.

    Attributes
    ----------
    name
        Of the class.
    pixels
        Pixels that are of it.
    iou, dice
        0 to 1; NaN for a class neither true nor predicted.
    """

    name: str
    pixels: int
    iou: float
    dice: float


def mean_iou(scores: Sequence[ClassScore]) -> float:
    """Return the mean IoU of the classes that there are pixels of; NaN if there are none."""
    there = [score.iou for score in scores if score.pixels]
    return sum(there) / len(there) if there else math.nan


@dataclass(frozen=True, eq=False)
class Confusion:
    """How often each class was taken for each: add up those of many windows.

    Attributes
    ----------
    counts
        (n, n) pixels by true class (rows) and predicted class (columns), background first.
    """

    counts: NDArray[np.int64]

    @classmethod
    def zero(cls, n: int) -> Confusion:
        """Return that of no pixels, for n classes with the background."""
        return cls(np.zeros((n, n), dtype=np.int64))

    @classmethod
    def of(cls, prediction: NDArray[Any], truth: NDArray[Any], n: int) -> Confusion:
        """Compare labels with the truth.

        Parameters
        ----------
        prediction
            Labels, 0 ≤ label < n.
        truth
            Same shape: labels; pixels with a negative one do not count.
        n
            Number of classes with the background.

        Raises
        ------
        ValueError
            When a label is beyond the classes.
        """
        known = truth >= 0
        right, found = truth[known].astype(np.int64), prediction[known].astype(np.int64)
        if right.size and not (found.min() >= 0 and max(found.max(), right.max()) < n):
            raise ValueError(f"labels must lie between 0 and {n - 1}")
        return cls(np.bincount(right * n + found, minlength=n * n).reshape(n, n))

    def __add__(self, other: Confusion) -> Confusion:
        return Confusion(self.counts + other.counts)

    @property
    def pixels(self) -> NDArray[np.int64]:
        """Pixels that are of each class."""
        found: NDArray[np.int64] = self.counts.sum(axis=1)
        return found

    @property
    def iou(self) -> NDArray[np.float64]:
        """Intersection over union of each class, 0 to 1; NaN for one neither true nor predicted."""
        return self._over(self.pixels + self.counts.sum(axis=0) - self._right, 1)

    @property
    def dice(self) -> NDArray[np.float64]:
        """Dice coefficient (F1) of each class, 0 to 1; NaN for one neither true nor predicted."""
        return self._over(self.pixels + self.counts.sum(axis=0), 2)

    @property
    def foreground_iou(self) -> float:
        """Mean IoU of the classes but the background that are true anywhere; NaN if none is."""
        there = self.pixels[1:] > 0
        return float(self.iou[1:][there].mean()) if there.any() else float("nan")

    @property
    def foreground_dice(self) -> float:
        """Mean Dice of the classes but the background that are true anywhere; NaN if none is."""
        there = self.pixels[1:] > 0
        return float(self.dice[1:][there].mean()) if there.any() else float("nan")

    def scores(self, names: Mapping[int, str]) -> tuple[ClassScore, ...]:
        """Return a score for each class, the background first, whose name need not be given."""
        every = {0: "background", **names}
        figures = zip(self.pixels.tolist(), self.iou.tolist(), self.dice.tolist(), strict=True)
        return tuple(ClassScore(every[c], *each) for c, each in enumerate(figures))

    @property
    def _right(self) -> NDArray[np.int64]:
        return np.diagonal(self.counts)

    def _over(self, whole: NDArray[np.int64], times: int) -> NDArray[np.float64]:
        share = np.full(len(whole), np.nan)
        np.divide(times * self._right, whole, out=share, where=whole > 0)
        return share
