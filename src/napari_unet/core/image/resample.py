"""Resampling to another pixel size, with the same result in whatever window is read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.image.axes import Image
from napari_unet.core.image.missing import mark_missing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Box, Lazy

MIN_SHARE = 1e-3
"""Share of the weight of pixels with data below which a new pixel has none."""


@dataclass(frozen=True, eq=False)
class ResamplingWeights:
    """Weights of the old pixels that make up the new ones along an axis.

    A new pixel is a weighted mean of ``k`` old ones, whose weights fall linearly with the distance from
    its centre. Where pixels become smaller they reach 0 at the next old pixel: linear interpolation.
    Where pixels become larger they reach 0 at the next new one: detail too fine for the new pixels is
    averaged out instead of aliasing.

    Attributes
    ----------
    index
        (n, k) positions of the old pixels for each of the n new ones.
    weight
        (n, k) float32; each row adds up to 1.
    """

    index: NDArray[np.intp]
    weight: NDArray[np.float32]

    @classmethod
    def of(cls, old: int, new: int, wanted: slice) -> ResamplingWeights:
        """Return the weights for some of the new pixels.

        Parameters
        ----------
        old, new
            Number of pixels along the whole axis, before and after.
        wanted
            The new pixels to make.
        """
        step = old / new
        reach = max(step, 1.0)
        centre = (np.arange(wanted.start, wanted.stop) + 0.5) * step - 0.5
        first = np.ceil(centre - reach).astype(np.intp)
        index = first[:, None] + np.arange(math.ceil(2 * reach) + 1)
        weight = np.maximum(1 - np.abs(index - centre[:, None]) / reach, 0)
        weight /= weight.sum(axis=1, keepdims=True)
        # beyond the edge, the edge pixel is repeated
        return cls(index.clip(0, old - 1), weight.astype(np.float32))

    @property
    def window(self) -> slice:
        """The old pixels that are needed, as a slice."""
        return slice(int(self.index.min()), int(self.index.max()) + 1)

    def apply(self, block: NDArray[Any], axis: int) -> NDArray[np.float32]:
        """Make the new pixels along an axis.

        Parameters
        ----------
        block
            The old pixels, those of `window` along `axis`.
        axis
            The axis to resample.
        """
        shape = [1] * block.ndim
        shape[axis] = -1
        index = self.index - self.window.start
        total = np.zeros((), np.float32)
        # summed in a fixed order, so that the result is the same to the bit in every window
        for k in range(index.shape[1]):
            taken = block.take(index[:, k], axis=axis).astype(np.float32, copy=False)
            total = total + taken * self.weight[:, k].reshape(shape)
        return total


def resample(
    block: NDArray[Any], weights: Sequence[ResamplingWeights], axes: Sequence[int] | None = None
) -> NDArray[np.float32]:
    """Resample a block along several axes, one after the other.

    Parameters
    ----------
    block
        The old pixels: along each of the axes, those of its weights' window.
    weights
        The weights for each of the axes.
    axes
        The axes to resample; None: the last ones.
    """
    axes = range(block.ndim - len(weights), block.ndim) if axes is None else axes
    for axis, each in zip(axes, weights, strict=True):
        block = each.apply(block, axis)
    return block


class Resampled:
    """An array resampled along some axes; each window is computed when it is read.

    Parameters
    ----------
    data
        The array, possibly lazy.
    shape
        Its shape after resampling.
    nodata
        The value of pixels without data, as in `mark_missing`. They take no part in the means; where
        there are no others, the new pixel is NaN.
    """

    def __init__(self, data: Lazy, shape: tuple[int, ...], nodata: float | None = None) -> None:
        self._data = data
        self._nodata = nodata
        # how many new pixels an old one has a part in
        self.spread = math.prod(
            math.ceil(2 * max(new / old, 1))
            for old, new in zip(data.shape, shape, strict=True)
            if old != new
        )
        self.shape = shape
        self.dtype: np.dtype[Any] = np.dtype(np.float32)

    def __getitem__(self, key: tuple[int | slice, ...]) -> NDArray[np.float32]:
        """Read a window, given by a number or a slice without step for each axis."""
        weights: list[ResamplingWeights] = []
        axes: list[int] = []
        source: list[int | slice] = []
        for part, old, new in zip(key, self._data.shape, self.shape, strict=True):
            axis = sum(isinstance(each, slice) for each in source)
            if isinstance(part, slice) and old != new:
                along = ResamplingWeights.of(old, new, slice(*part.indices(new)[:2]))
                weights.append(along)
                axes.append(axis)
                part = along.window
            source.append(part)
        block = mark_missing(np.asarray(self._data[tuple(source)]), self._nodata)
        missing = np.isnan(block) if block.dtype.kind == "f" else np.zeros(1, bool)
        if not missing.any():
            return resample(block, weights, axes)
        total = resample(np.where(missing, 0, block), weights, axes)
        share = resample((~missing).astype(np.float32), weights, axes)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean: NDArray[np.float32] = np.where(share > MIN_SHARE, total / share, np.nan)
        return mean.astype(np.float32, copy=False)


def resampled_image(image: Image, sizes: Mapping[str, int]) -> Image:
    """Return an image with other lengths of some axes; its pixels are computed when they are read."""
    sizes = image.sizes | dict(sizes)
    scale = {a: s * image.sizes[a] / sizes[a] for a, s in image.scale.items() if a in sizes}
    data = Resampled(image.data, tuple(sizes[a] for a in image.axes), image.nodata)
    return Image(data, image.axes, scale, image.unit, image.name, image.channel_names)


def window_of(box: Box, old: Sequence[int], new: Sequence[int]) -> Box:
    """Return the window of old pixels that a window of new ones is made of.

    Parameters
    ----------
    box
        The window of new pixels.
    old, new
        Shape of the whole frame before and after resampling.
    """
    return tuple(
        ResamplingWeights.of(a, b, s).window for a, b, s in zip(old, new, box, strict=True)
    )
