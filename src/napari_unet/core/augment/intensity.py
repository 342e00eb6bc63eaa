"""Changes of intensity of training patches: inversion, focus, gamma, contrast, stray light and noise.

They are made after normalisation, which would undo some of them. Amounts are relative to the standard
deviation or range of each patch, so they mean the same with any normalisation.
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

MIN_BLUR_SIGMA = 0.1
"""A Gaussian blur with a smaller sigma, in pixels, has no effect."""


@torch.no_grad()
def change_intensities(images: Tensor, drawn: Sequence[Augmentation]) -> Tensor:
    """Change intensities in the order of a microscope: first the optics, then the detector.

    Parameters
    ----------
    images
        (N, C, [Z,] Y, X) float32, normalised.
    drawn
        The random numbers for each of the N patches.

    Returns
    -------
    Tensor
        The same shape; `images` itself if nothing changes. The result for a patch does not depend on
        the rest of the batch. Noise is generated on the device of the images, and differs between kinds
        of devices.
    """
    changes = [each.intensity for each in drawn]
    images = _invert(images, [change.inverted for change in changes])
    images = _blur(images, np.array([change.blur for change in changes]))
    images = _apply_gamma(images, np.array([change.gamma for change in changes]))
    gain = np.array([change.gain for change in changes])
    brightness = np.array([change.brightness for change in changes])
    images = _change_contrast(images, gain, brightness)
    images = _add_background(images, np.array([change.background for change in changes]))
    noise = np.array([change.noise for change in changes])
    return _add_noise(images, noise, [change.seed for change in changes])


def _invert(images: Tensor, inverted: Sequence[bool]) -> Tensor:
    """Exchange bright and dark of some patches; keeps the range of each channel."""
    if not any(inverted):
        return images
    ends = images.amin(_spatial(images), keepdim=True) + images.amax(_spatial(images), keepdim=True)
    chosen = torch.tensor(inverted, device=images.device).view(-1, *(1,) * (images.dim() - 1))
    return torch.where(chosen, ends - images, images)


def _blur(images: Tensor, sigma: NDArray[np.float64]) -> Tensor:
    """Blur along one axis after the other, edge pixels repeated; `sigma` is (N, d, C) in pixels."""
    for axis in range(sigma.shape[1]):
        along = sigma[:, axis]
        if along.max() < MIN_BLUR_SIGMA:
            continue
        reach = ceil(3 * along.max())
        steps, widths = np.arange(-reach, reach + 1), np.maximum(along, MIN_BLUR_SIGMA)[..., None]
        weights = np.exp(-((steps / widths) ** 2) / 2) * (np.abs(steps) <= 3 * widths)
        kernel = _for_each(images, weights / weights.sum(-1, keepdims=True))
        around = [(0, 0)] * sigma.shape[1]
        around[-1 - axis] = (reach, reach)
        padded = functional.pad(images, sum(around, ()), mode="replicate")
        size = images.shape[axis + 2]
        images = torch.zeros_like(images)
        for k in range(2 * reach + 1):
            images.addcmul_(padded.narrow(axis + 2, k, size), kernel[..., k])
    return images


def _apply_gamma(images: Tensor, gamma: NDArray[np.float64]) -> Tensor:
    """Raise intensities to the power of gamma, their range taken as 0 to 1; keeps mean and contrast."""
    if (gamma == 1).all():
        return images
    axes = _spatial(images)
    mean, deviation = _mean_and_deviation(images)
    low, high = images.amin(axes, keepdim=True), images.amax(axes, keepdim=True)
    curved = (images - low).div_(_nonzero(high - low)).pow_(_for_each(images, gamma))
    curved_mean, curved_deviation = _mean_and_deviation(curved)
    return curved.sub_(curved_mean).mul_(deviation / _nonzero(curved_deviation)).add_(mean)


def _change_contrast(
    images: Tensor, gain: NDArray[np.float64], brightness: NDArray[np.float64]
) -> Tensor:
    if (gain == 1).all() and not brightness.any():
        return images
    mean, deviation = _mean_and_deviation(images)
    offset = mean + deviation * _for_each(images, brightness)
    return (images - mean).mul_(_for_each(images, gain)).add_(offset)


def _add_background(images: Tensor, grid: NDArray[np.float64]) -> Tensor:
    """Add an offset given on a coarse grid, (N, C, 3, 3[, 3]), and interpolated linearly."""
    if not grid.any():
        return images
    coarse = torch.from_numpy(grid.astype(np.float32)).to(images.device)
    linear = "bilinear" if images.dim() == 4 else "trilinear"
    field = functional.interpolate(coarse, images.shape[2:], mode=linear, align_corners=True)
    return torch.addcmul(images, field, _mean_and_deviation(images)[1])


def _add_noise(images: Tensor, noise: NDArray[np.float64], seeds: Sequence[int]) -> Tensor:
    if not noise.any():
        return images
    amount = _mean_and_deviation(images)[1] * _for_each(images, noise)
    unit_noise = torch.zeros_like(images)
    for patch, seed, sigma in zip(unit_noise, seeds, noise, strict=True):
        if sigma.any():
            patch.normal_(generator=torch.Generator(images.device).manual_seed(seed))
    return torch.addcmul(images, unit_noise, amount)


def _for_each(images: Tensor, numbers: NDArray[np.float64]) -> Tensor:
    """Return numbers (N, C, ...) as a tensor (N, C, 1, 1, [1,] ...) on the device of the images."""
    shape = numbers.shape[:2] + (1,) * (images.dim() - 2) + numbers.shape[2:]
    return torch.from_numpy(numbers.astype(np.float32)).view(shape).to(images.device)


def _spatial(images: Tensor) -> tuple[int, ...]:
    return tuple(range(2, images.dim()))


def _mean_and_deviation(images: Tensor) -> tuple[Tensor, Tensor]:
    # ten times as fast as torch.std_mean on a CPU
    mean = images.mean(_spatial(images), keepdim=True)
    return mean, (images - mean).square_().mean(_spatial(images), keepdim=True).sqrt_()


def _nonzero(divisor: Tensor) -> Tensor:
    """Avoid dividing by 0 where a patch is constant: the numerator is 0 there, too."""
    return divisor.clamp(min=torch.finfo(divisor.dtype).tiny)
