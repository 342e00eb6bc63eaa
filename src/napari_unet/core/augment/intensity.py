"""Changes the intensities of training patches: focus, gamma, contrast, brightness, stray light, noise.

It works on normalised intensities: what differs between images before normalisation is what
normalisation takes away. Amounts are relative to each patch's own standard deviation or range, so they
mean the same under any normalisation.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.core.augment.draw import Augmentation

FAINT = 0.1
"""A blur of a smaller sigma, in pixels, changes nothing."""


@torch.no_grad()
def change_intensities(images: Tensor, draws: Sequence[Augmentation]) -> Tensor:
    """Change intensities in the order in which a microscope does: optics, then detector.

    Parameters
    ----------
    images
        (N, C, [Z,] Y, X) float32, normalised.
    draws
        What to do to each.

    Returns
    -------
    Tensor
        The same shape; `images` itself if no draw changes anything. What a patch becomes does not
        depend on the rest of the batch. Noise is drawn on the images' device: another kind of device
        gives other noise.
    """
    every = [draw.intensity for draw in draws]
    images = _blurred(images, np.array([one.blur for one in every]))
    images = _bent(images, np.array([one.gamma for one in every]))
    images = _shifted(
        images, np.array([one.gain for one in every]), np.array([one.brightness for one in every])
    )
    images = _uneven(images, np.array([one.background for one in every]))
    return _noisy(images, np.array([one.noise for one in every]), [one.seed for one in every])


def _blurred(images: Tensor, sigma: NDArray[np.float64]) -> Tensor:
    """Gaussian blur along one axis after the other, edge pixels repeated; `sigma` is (N, d, C)."""
    for axis in range(sigma.shape[1]):
        wide = sigma[:, axis]
        if wide.max() < FAINT:
            continue
        reach = ceil(3 * wide.max())
        steps, widths = np.arange(-reach, reach + 1), np.maximum(wide, FAINT)[..., None]
        weights = np.exp(-((steps / widths) ** 2) / 2) * (np.abs(steps) <= 3 * widths)
        taps = _for_each(images, weights / weights.sum(-1, keepdims=True))
        around = [(0, 0)] * sigma.shape[1]
        around[-1 - axis] = (reach, reach)
        padded = functional.pad(images, sum(around, ()), mode="replicate")
        size = images.shape[axis + 2]
        images = torch.zeros_like(images)
        for tap in range(2 * reach + 1):
            images.addcmul_(padded.narrow(axis + 2, tap, size), taps[..., tap])
    return images


def _bent(images: Tensor, gamma: NDArray[np.float64]) -> Tensor:
    """Intensities to the power of gamma, their range taken as 0 to 1; mean and contrast are kept."""
    if (gamma == 1).all():
        return images
    axes = _spatial(images)
    mean, deviation = _mean_and_deviation(images)
    low, high = images.amin(axes, keepdim=True), images.amax(axes, keepdim=True)
    bent = (images - low).div_(_nonzero(high - low)).pow_(_for_each(images, gamma))
    bent_mean, bent_deviation = _mean_and_deviation(bent)
    return bent.sub_(bent_mean).mul_(deviation / _nonzero(bent_deviation)).add_(mean)


def _shifted(images: Tensor, gain: NDArray[np.float64], brightness: NDArray[np.float64]) -> Tensor:
    if (gain == 1).all() and not brightness.any():
        return images
    mean, deviation = _mean_and_deviation(images)
    offset = mean + deviation * _for_each(images, brightness)
    return (images - mean).mul_(_for_each(images, gain)).add_(offset)


def _uneven(images: Tensor, grid: NDArray[np.float64]) -> Tensor:
    """Add an offset that is given on a coarse grid, (N, C, 3, 3[, 3]), and linear between."""
    if not grid.any():
        return images
    coarse = torch.from_numpy(grid.astype(np.float32)).to(images.device)
    linear = "bilinear" if images.dim() == 4 else "trilinear"
    field = functional.interpolate(coarse, images.shape[2:], mode=linear, align_corners=True)
    return torch.addcmul(images, field, _mean_and_deviation(images)[1])


def _noisy(images: Tensor, noise: NDArray[np.float64], seeds: Sequence[int]) -> Tensor:
    if not noise.any():
        return images
    amount = _mean_and_deviation(images)[1] * _for_each(images, noise)
    grains = torch.zeros_like(images)
    for patch, seed, sigma in zip(grains, seeds, noise, strict=True):
        if sigma.any():
            patch.normal_(generator=torch.Generator(images.device).manual_seed(seed))
    return torch.addcmul(images, grains, amount)


def _for_each(images: Tensor, numbers: NDArray[np.float64]) -> Tensor:
    """Numbers (N, C, ...) as a tensor (N, C, 1, 1, [1,] ...) where the images are."""
    shape = numbers.shape[:2] + (1,) * (images.dim() - 2) + numbers.shape[2:]
    return torch.from_numpy(numbers.astype(np.float32)).view(shape).to(images.device)


def _spatial(images: Tensor) -> tuple[int, ...]:
    return tuple(range(2, images.dim()))


def _mean_and_deviation(images: Tensor) -> tuple[Tensor, Tensor]:
    # torch.std_mean takes ten times as long on a CPU
    mean = images.mean(_spatial(images), keepdim=True)
    return mean, (images - mean).square_().mean(_spatial(images), keepdim=True).sqrt_()


def _nonzero(divisor: Tensor) -> Tensor:
    """What to divide by where a constant patch has no range: its numerator is 0."""
    return divisor.clamp(min=torch.finfo(divisor.dtype).tiny)
