"""Random variations of training patches: what is drawn for one patch.

All numbers are drawn here, once a patch; `warp` then moves image and labels
and `expose` changes intensities.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.augment.deform import draw_deformation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.core.augment.elastic import Deformation
    from napari_unet.core.augment.options import AugmentOptions


@dataclass(frozen=True, eq=False)
class IntensityChange:
    """How the intensities of one patch change; an entry for each channel.

    Attributes
    ----------
    gain
        Factor on the contrast about the mean.
    brightness, noise
        Offset, and sigma of the Gaussian noise, in standard deviations of the patch.
    gamma
        Exponent on the intensities, their range taken as 0 to 1.
    background
        (C, 3, 3[, 3]): offset at the corners, the middle and between, in standard deviations.
    blur
        (d, C): sigma of the Gaussian blur along each axis, in pixels of that axis.
    seed
        Of the noise.
    """

    gain: NDArray[np.float64]
    brightness: NDArray[np.float64]
    gamma: NDArray[np.float64]
    noise: NDArray[np.float64]
    background: NDArray[np.float64]
    blur: NDArray[np.float64]
    seed: int


@dataclass(frozen=True)
class Augmentation:
    """All that is random about one patch."""

    deformation: Deformation
    intensity: IntensityChange


def draw_augmentation(
    options: AugmentOptions,
    shape: Sequence[int],
    spacing: Sequence[float],
    channels: int,
    key: Sequence[int],
) -> Augmentation:
    """Draw the random numbers for one patch.

    Parameters
    ----------
    options
        How strong.
    shape
        Shape of the patch that is to come out, ([Z,] Y, X).
    spacing
        Pixel size along each of these axes, in any one unit.
    channels
        Number of image channels.
    key
        What the numbers depend on, such as (seed, step, sample): nonnegative integers.

    Returns
    -------
    Draw
        The same for the same arguments, whatever the batch and the device.
    """
    # intensities first: how many numbers the deformation takes depends on the shape
    random = np.random.default_rng(tuple(key))
    exposure = _draw_exposure(options, spacing, channels, random)
    return Augmentation(draw_deformation(options, tuple(shape), spacing, random), exposure)


def _draw_exposure(
    options: AugmentOptions, spacing: Sequence[float], channels: int, random: np.random.Generator
) -> IntensityChange:
    gain, brightness, gamma, noise, blur = options.strength * random.uniform(-1, 1, (5, channels))
    uneven = options.strength * np.maximum(random.uniform(-1, 1, channels), 0)
    grid = random.uniform(-1, 1, (channels, *(3,) * len(spacing)))
    pixels = min(spacing) / np.asarray(spacing, dtype=float)
    return IntensityChange(
        gain=(1 + options.gain) ** gain,
        brightness=options.brightness * brightness,
        gamma=(1 + options.gamma) ** gamma,
        noise=options.noise * np.maximum(noise, 0),
        background=options.background * uneven.reshape(-1, *[1] * len(spacing)) * grid,
        blur=options.blur * np.maximum(blur, 0) * pixels[:, None],
        seed=int(random.integers(2**63)),
    )
