"""A smooth deformation: an affine map combined with a cubic B-spline displacement.

The output at a point p, measured from the centre of the patch, comes from the point
``matrix @ (p + d(p))`` of the input, measured from the centre of the array that was read. The
displacement ``d`` is a uniform cubic B-spline over a coarse grid of control points, so the map is a few
numbers and small matrices, and the data are resampled only once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, prod
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FOLD_FREE = {2: 0.48, 3: 0.40}
"""Largest displacement of a control point along each axis, in spacings, that can't fold space.

By the number of axes that are displaced. Choi and Lee, Graphical Models 62 (2000), 411-427, prove
1/2.0464 and 1/2.4795.
"""


@dataclass(frozen=True, eq=False)
class Deformation:
    r"""Where the pixels of a patch come from.

    Attributes
    ----------
    shape
        Shape of the patch after deformation, ([Z,] Y, X), in pixels; d is its length.
    matrix
        (d, d), from offsets in the output to offsets in the input, both in pixels.
    mirrored
        For each axis, whether the output is reversed.
    control
        (d, \*counts): displacement of the control points along each axis, in pixels of that axis.
    spacing
        Distance of the control points along each axis, in pixels.
    """

    shape: tuple[int, ...]
    matrix: NDArray[np.float64]
    mirrored: tuple[bool, ...]
    control: NDArray[np.float64]
    spacing: tuple[float, ...]

    @property
    def resamples(self) -> bool:
        """Whether the data are interpolated: False if the map only crops and mirrors."""
        return bool(self.control.any()) or not np.array_equal(self.matrix, np.eye(len(self.shape)))

    def factors(self) -> Factors:
        """Factorise the map into small matrices."""
        d = len(self.shape)
        steps = [slice(None, None, -1 if mirrored else 1) for mirrored in self.mirrored]
        offsets = [_offsets(n)[step] for n, step in zip(self.shape, steps, strict=True)]
        counts = self.control.shape[1:]
        axes = zip(self.shape, self.spacing, counts, steps, strict=True)
        bases = [_basis(n, spacing, count)[step] for n, spacing, count, step in axes]
        moved = (self.matrix @ self.control.reshape(d, -1)).astype(np.float32)
        # a spline lies within the convex hull of its control points
        reach = np.abs(moved).max(axis=1)
        for axis, basis in enumerate(bases[:-1]):
            moved = basis @ moved.reshape(-1, counts[axis], prod(counts[axis + 1 :]))
        turned = self.matrix.T.reshape(d, d, *[1] * (d - 1))
        rows = sum(turned[axis] * line for axis, line in enumerate(np.ix_(*offsets[:-1])))
        return Factors(
            rows=np.reshape(rows, (d, -1)),
            columns=self.matrix[:, -1:] * offsets[-1],
            left=moved.reshape(d, -1, counts[-1]),
            right=bases[-1].T,
            reach=reach,
        )


@dataclass(frozen=True, eq=False)
class Factors:
    """A deformation as ``rows[:, :, None] + columns[:, None, :] + left @ right``.

    R is the number of rows of the patch (Y, or Z times Y), X their length, and K the number of control
    points along X. The result, (d, R, X), is the input point of each output pixel, in pixels from the
    centre.

    Attributes
    ----------
    rows, columns
        (d, R) and (d, X): the affine part.
    left, right
        (d, R, K) and (K, X): the elastic part, small enough for low-precision matrix units.
    reach
        (d,): upper bound of the magnitude of ``left @ right``, in pixels.
    """

    rows: NDArray[np.float64]
    columns: NDArray[np.float64]
    left: NDArray[np.float32]
    right: NDArray[np.float32]
    reach: NDArray[np.float32]

    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return lower and upper bounds of the result, (d,) each, in pixels from the centre."""
        lowest = self.rows.min(axis=1) + self.columns.min(axis=1)
        highest = self.rows.max(axis=1) + self.columns.max(axis=1)
        return lowest - self.reach, highest + self.reach


def control_counts(shape: Sequence[int], spacing: Sequence[float]) -> tuple[int, ...]:
    """Return the number of control points along each axis.

    Parameters
    ----------
    shape
        Shape of the patch in pixels.
    spacing
        Distance of the control points along each axis, in pixels.
    """
    return tuple(ceil((n - 1) / step) + 3 for n, step in zip(shape, spacing, strict=True))


def _offsets(n: int) -> NDArray[np.float64]:
    """Return the offsets of `n` pixels from their centre."""
    return np.arange(n, dtype=np.float64) - (n - 1) / 2


@lru_cache(maxsize=64)  # all patches of a training share it
def _basis(n: int, spacing: float, count: int) -> NDArray[np.float32]:
    """Return the weights (n, count) of a uniform cubic B-spline, both centred; rows add up to 1."""
    distance = np.abs(_offsets(n)[:, None] / spacing - _offsets(count))
    outer, inner = np.maximum(2 - distance, 0), np.maximum(1 - distance, 0)
    return np.asarray((outer**3 - 4 * inner**3) / 6, dtype=np.float32)
