"""One smooth random map of space: an affine map over a cubic B-spline displacement.

A point of the output, measured from the centre of the patch, comes from the point
``matrix @ (p + d(p))`` of the input, measured from the centre of the array read. The displacement ``d``
is a uniform cubic B-spline over a coarse grid of control points, so all of it is a few numbers and small
matrices, and the data are resampled once.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FOLD_FREE = {2: 0.48, 3: 0.40}
"""Largest displacement of a control point, in control spacings along each axis, that can't fold space.

By the number of axes displaced; Choi and Lee, Graphical Models 62 (2000), 411-427, prove 1/2.0464 and
1/2.4795.
"""


@dataclass(frozen=True, eq=False)
class Deformation:
    """Where the pixels of a patch come from.

    Attributes
    ----------
    shape
        Shape of the patch that comes out, ([Z,] Y, X).
    matrix
        (d, d), from offsets in the output to offsets in the input, both in pixels.
    mirrored
        For each axis, whether the output is reversed.
    control
        (d, n, ...): displacement of the control points along each axis, in pixels of that axis.
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
        """Whether pixels come from between pixels: False if it only crops and mirrors."""
        return bool(self.control.any()) or not np.array_equal(self.matrix, np.eye(len(self.shape)))

    def factors(self) -> Factors:
        """Cut the map into small matrices."""
        places = [_places(n, m) for n, m in zip(self.shape, self.mirrored, strict=True)]
        bases = [
            _basis(p / step, count)
            for p, step, count in zip(places, self.spacing, self.control.shape[1:], strict=True)
        ]
        moved = np.tensordot(self.matrix, self.control, 1)
        for axis, basis in enumerate(bases[:-1], start=1):
            moved = np.moveaxis(np.tensordot(moved, basis, (axis, 1)), -1, axis)
        d = len(self.shape)
        rows = np.stack(np.meshgrid(*places[:-1], indexing="ij")).reshape(d - 1, -1)
        return Factors(
            rows=self.matrix[:, :-1] @ rows,
            columns=self.matrix[:, -1:] * places[-1],
            left=moved.reshape(d, -1, len(bases[-1].T)),
            right=bases[-1].T,
        )


@dataclass(frozen=True, eq=False)
class Factors:
    """A map as ``rows[:, :, None] + columns[:, None, :] + left @ right``.

    R is the number of rows of the patch (Y, or Z times Y), X their length, K the number of control
    points along X. The result, (d, R, X), is the input point of each output pixel, in pixels from the
    centre.

    Attributes
    ----------
    rows, columns
        (d, R) and (d, X): the affine part.
    left, right
        (d, R, K) and (K, X): the elastic part, small enough for low-precision matrix units.
    """

    rows: NDArray[np.float64]
    columns: NDArray[np.float64]
    left: NDArray[np.float64]
    right: NDArray[np.float64]


def control_counts(shape: Sequence[int], spacing: Sequence[float]) -> tuple[int, ...]:
    """Control points needed along each axis, for a patch and a distance of theirs in pixels."""
    return tuple(ceil((n - 1) / step) + 3 for n, step in zip(shape, spacing, strict=True))


def _places(n: int, mirrored: bool) -> NDArray[np.float64]:
    """Offsets of `n` pixels from their centre."""
    places = np.arange(n, dtype=np.float64) - (n - 1) / 2
    return places[::-1] if mirrored else places


def _basis(places: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Weights (pixels, control points) of a uniform cubic B-spline centred on 0; rows sum to 1."""
    away = np.abs(places[:, None] - (np.arange(count) - (count - 1) / 2))
    outer, inner = np.maximum(2 - away, 0), np.maximum(1 - away, 0)
    return np.asarray((outer * outer * outer - 4 * inner * inner * inner) / 6)
