"""Random deformations: their limits, the margin that they need, and drawing one."""

from __future__ import annotations

from math import atan2, ceil, cos, hypot, pi, radians, sin, tan
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_unet.core.augment.elastic import FOLD_FREE, Deformation, control_counts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.core.augment.options import AugmentOptions

MAX_ANISOTROPY = 2.0
"""Voxels deeper than this many times their width: planes are not mixed, only mirrored along Z."""


def draw_deformation(
    options: AugmentOptions,
    shape: tuple[int, ...],
    spacing: Sequence[float],
    random: np.random.Generator,
) -> Deformation:
    """Draw the deformation of a patch.

    Parameters
    ----------
    options, shape, spacing
        As for `draw_augmentation`.
    random
        Source of the random numbers; how many are drawn depends on the shape.
    """
    limits = _Limits.of(options, spacing)
    d, size = len(shape), np.asarray(spacing, dtype=float)
    flips = random.random(3)[-d:] < min(options.strength, 1) / 2
    allowed = [axis in options.mirror for axis in "ZYX"[-d:]]
    angle, pitch, roll, shear, scale = random.uniform(-1, 1, 5)
    matrix = np.eye(3)
    matrix[1, 2] = tan(shear * limits.shear)
    if limits.tilt:
        matrix = _rotation(0, 1, pitch * limits.tilt) @ matrix
        matrix = _rotation(0, 2, roll * limits.tilt) @ matrix
    matrix = _rotation(1, 2, angle * limits.angle) @ matrix
    matrix[0 if limits.volumetric else 1 :] *= limits.scale**scale
    step = limits.grid / size
    control = random.uniform(-1, 1, (d, *control_counts(shape, step.tolist())))
    control *= (limits.elastic / size).reshape(d, *[1] * d)
    if d == 3 and not limits.volumetric:
        control[0] = 0
    return Deformation(
        shape=shape,
        matrix=matrix[-d:, -d:] * size / size[:, None],
        mirrored=tuple(bool(flip and able) for flip, able in zip(flips, allowed, strict=True)),
        control=control,
        spacing=tuple(step.tolist()),
    )


def deformation_margin(
    options: AugmentOptions, shape: Sequence[int], spacing: Sequence[float]
) -> tuple[int, ...]:
    """Return the pixels to read around a patch so that no deformation reaches beyond them.

    Parameters
    ----------
    options, shape, spacing
        As for `draw_augmentation`.

    Returns
    -------
    tuple of int
        Pixels on each side, for each axis: the array to read has ``shape[i] + 2 * margin[i]``.
    """
    limits = _Limits.of(options, spacing)
    half = [(n - 1) / 2 * s for n, s in zip(shape, spacing, strict=True)]
    y, x = (h + limits.elastic for h in half[-2:])
    y += tan(limits.shear) * x
    depth = half[:-2]
    if limits.volumetric:
        z = half[0] + limits.elastic
        z, y = _turned(z, y, limits.tilt), _turned(y, z, limits.tilt)
        z, x = _turned(z, x, limits.tilt), _turned(x, z, limits.tilt)
        depth = [limits.scale * z]
    plane = [limits.scale * _turned(y, x, limits.angle), limits.scale * _turned(x, y, limits.angle)]
    reached = [*depth, *plane]
    # slightly less, so that a rounding error does not turn 0 into 1
    return tuple(ceil((r - h) / s - 1e-9) for r, h, s in zip(reached, half, spacing, strict=True))


class _Limits(NamedTuple):
    """Largest amounts that the options allow.

    `angle`, `tilt` and `shear` are in radians, `scale` is a factor, `elastic` and `grid` are lengths in
    the unit of the spacing. Without `volumetric`, planes are not mixed.
    """

    angle: float
    tilt: float
    shear: float
    scale: float
    elastic: float
    grid: float
    volumetric: bool

    @classmethod
    def of(cls, options: AugmentOptions, spacing: Sequence[float]) -> _Limits:
        volumetric = len(spacing) == 3 and spacing[0] <= MAX_ANISOTROPY * max(spacing[1:])
        strength, pixel = options.strength, min(spacing)
        grid = options.grid * pixel
        return cls(
            angle=min(radians(options.rotation) * strength, pi),
            tilt=radians(options.tilt) * strength if volumetric else 0.0,
            shear=radians(options.shear) * strength,
            scale=(1 + options.scale) ** strength,
            elastic=min(
                options.elastic * pixel * strength, FOLD_FREE[3 if volumetric else 2] * grid
            ),
            grid=grid,
            volumetric=volumetric,
        )


def _turned(along: float, across: float, angle: float) -> float:
    """Return the largest half extent of a box along an axis after turns by up to `angle`."""
    if angle >= atan2(across, along):
        return hypot(along, across)
    return along * cos(angle) + across * sin(angle)


def _rotation(first: int, second: int, angle: float) -> NDArray[np.float64]:
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = cos(angle)
    matrix[first, second] = sin(angle)
    matrix[second, first] = -sin(angle)
    return matrix
