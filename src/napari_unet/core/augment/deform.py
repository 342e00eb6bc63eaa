"""Random deformations: how far options let them go, the margin that takes, and drawing one."""

from __future__ import annotations

from math import atan2, ceil, cos, hypot, pi, radians, sin, tan
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_unet.core.augment.elastic import FOLD_FREE, Deformation, control_counts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.core.augment.options import AugmentOptions

DEEP = 2.0
"""A voxel more than this many times as deep as wide: planes keep to themselves, but for mirroring."""


def draw_deformation(
    options: AugmentOptions,
    shape: tuple[int, ...],
    spacing: Sequence[float],
    random: np.random.Generator,
) -> Deformation:
    """Draw where the pixels of one patch come from.

    Parameters
    ----------
    options, shape, spacing
        As for `draw`.
    random
        Where the numbers come from; how many are taken depends on the shape.
    """
    most = _Most.of(options, spacing)
    d, size = len(shape), np.asarray(spacing, dtype=float)
    flips = random.random(3)[-d:] < min(options.strength, 1) / 2
    may = [axis in options.mirror for axis in "ZYX"[-d:]]
    angle, pitch, roll, shear, scale = random.uniform(-1, 1, 5)
    matrix = np.eye(3)
    matrix[1, 2] = tan(shear * most.shear)
    if most.tilt:
        matrix = _rotation(0, 1, pitch * most.tilt) @ matrix
        matrix = _rotation(0, 2, roll * most.tilt) @ matrix
    matrix = _rotation(1, 2, angle * most.angle) @ matrix
    matrix[0 if most.volumetric else 1 :] *= most.scale**scale
    step = most.grid / size
    control = random.uniform(-1, 1, (d, *control_counts(shape, step.tolist())))
    control *= (most.elastic / size).reshape(d, *[1] * d)
    if d == 3 and not most.volumetric:
        control[0] = 0
    return Deformation(
        shape=shape,
        matrix=matrix[-d:, -d:] * size / size[:, None],
        mirrored=tuple(bool(flip and able) for flip, able in zip(flips, may, strict=True)),
        control=control,
        spacing=tuple(step.tolist()),
    )


def deformation_margin(
    options: AugmentOptions, shape: Sequence[int], spacing: Sequence[float]
) -> tuple[int, ...]:
    """Pixels to read on each side of a patch so that no draw reaches beyond what was read.

    Parameters
    ----------
    options, shape, spacing
        As for `draw`.

    Returns
    -------
    tuple of int
        One for each axis: the array to read has ``shape[i] + 2 * margin[i]`` pixels.
    """
    most = _Most.of(options, spacing)
    half = [(n - 1) / 2 * s for n, s in zip(shape, spacing, strict=True)]
    y, x = (h + most.elastic for h in half[-2:])
    y += tan(most.shear) * x
    depth = half[:-2]
    if most.volumetric:
        z = half[0] + most.elastic
        z, y = _turned(z, y, most.tilt), _turned(y, z, most.tilt)
        z, x = _turned(z, x, most.tilt), _turned(x, z, most.tilt)
        depth = [most.scale * z]
    plane = [most.scale * _turned(y, x, most.angle), most.scale * _turned(x, y, most.angle)]
    reached = [*depth, *plane]
    # less a hair, so that rounding does not make 1 of 0
    return tuple(ceil((r - h) / s - 1e-9) for r, h, s in zip(reached, half, spacing, strict=True))


class _Most(NamedTuple):
    """The largest amounts that options allow: radians, a factor, and lengths in the unit of spacing."""

    angle: float
    tilt: float
    shear: float
    scale: float
    elastic: float
    grid: float
    volumetric: bool

    @classmethod
    def of(cls, options: AugmentOptions, spacing: Sequence[float]) -> _Most:
        volumetric = len(spacing) == 3 and spacing[0] <= DEEP * max(spacing[1:])
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
    """Half extent of a box along an axis after a turn by up to `angle`."""
    if angle >= atan2(across, along):
        return hypot(along, across)
    return along * cos(angle) + across * sin(angle)


def _rotation(first: int, second: int, angle: float) -> NDArray[np.float64]:
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = cos(angle)
    matrix[first, second] = sin(angle)
    matrix[second, first] = -sin(angle)
    return matrix
