"""Drawing the random numbers of the augmentation, once for each training patch.

`warp` then deforms image and labels, and `change_intensities` changes the image.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.augment.deform import draw_deformation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.core.augment.elastic import Deformation
    from napari_unet.core.augment.options import AugmentOptions

INVERSION = 1
"""Keeps the random number of the inversion apart from the others that are drawn for the same key."""


@dataclass(frozen=True, eq=False)
class IntensityChange:
    """Random changes of the intensities of a patch, for each of its C channels.

    Attributes
    ----------
    gain
        (C,): factor on the contrast about the mean.
    brightness
        (C,): offset, in standard deviations of the patch.
    gamma
        (C,): exponent on the intensities, their range taken as 0 to 1.
    noise
        (C,): sigma of the Gaussian noise, in standard deviations of the patch.
    background
        (C, 3, 3[, 3]): offset on a coarse grid from edge to edge, in standard deviations of the patch.
    blur
        (d, C): sigma of the Gaussian blur along each of the d axes, in pixels of that axis.
    seed
        Seed of the noise.
    inverted
        Whether bright and dark are exchanged.
    """

    gain: NDArray[np.float64]
    brightness: NDArray[np.float64]
    gamma: NDArray[np.float64]
    noise: NDArray[np.float64]
    background: NDArray[np.float64]
    blur: NDArray[np.float64]
    seed: int
    inverted: bool = False


@dataclass(frozen=True)
class Augmentation:
    """The random numbers of the augmentation of a patch.

    Attributes
    ----------
    deformation
        Where its pixels come from.
    intensity
        How its intensities change.
    """

    deformation: Deformation
    intensity: IntensityChange


def draw_augmentation(
    options: AugmentOptions,
    shape: Sequence[int],
    spacing: Sequence[float],
    channels: int,
    key: Sequence[int],
) -> Augmentation:
    """Draw the random numbers for a patch.

    Parameters
    ----------
    options
        How strongly patches vary.
    shape
        Shape of the patch after augmentation, ([Z,] Y, X), in pixels.
    spacing
        Pixel size along each of these axes, in any one unit.
    channels
        Number of image channels.
    key
        What the numbers depend on, such as (seed, step, sample): non-negative integers.

    Returns
    -------
    Augmentation
        The same for the same arguments, whatever the batch and the device.
    """
    # intensities first, as the deformation draws more or fewer numbers depending on the shape
    random = np.random.default_rng(tuple(key))
    exposure = _draw_exposure(options, spacing, channels, random)
    if options.invert:
        # of numbers of its own: without it, everything else stays as it was
        share = min(options.strength, 1) * options.invert
        inverted = bool(np.random.default_rng((*key, INVERSION)).random() < share)
        exposure = replace(exposure, inverted=inverted)
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
