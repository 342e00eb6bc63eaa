"""Pixels of another size: weighted means of those around, the same in whatever window is read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Box, Lazy


@dataclass(frozen=True, eq=False)
class ResamplingWeights:
    """Which pixels make up the new ones along an axis, and with what weights.

    Weights fall linearly from the new pixel's centre: to nothing at the next old pixel where pixels
    become smaller, which is linear interpolation, or at the next new one where they become larger,
    so that nothing too fine for these is left to alias.

    Attributes
    ----------
    index
        (new, taps) positions of old pixels.
    weight
        (new, taps) float32, each row adds up to 1.
    """

    index: NDArray[np.intp]
    weight: NDArray[np.float32]

    @classmethod
    def of(cls, old: int, new: int, wanted: slice) -> ResamplingWeights:
        """Return those of some of the `new` pixels that take the place of `old` ones."""
        step = old / new
        reach = max(step, 1.0)
        centre = (np.arange(wanted.start, wanted.stop) + 0.5) * step - 0.5
        first = np.ceil(centre - reach).astype(np.intp)
        index = first[:, None] + np.arange(math.ceil(2 * reach) + 1)
        weight = np.maximum(1 - np.abs(index - centre[:, None]) / reach, 0)
        weight /= weight.sum(axis=1, keepdims=True)
        # the image goes on as it ends
        return cls(index.clip(0, old - 1), weight.astype(np.float32))

    @property
    def window(self) -> slice:
        """The old pixels that are needed."""
        return slice(int(self.index.min()), int(self.index.max()) + 1)

    def apply(self, block: NDArray[Any], axis: int) -> NDArray[np.float32]:
        """Make the new pixels from `window`, which `block` holds along an axis."""
        shape = [1] * block.ndim
        shape[axis] = -1
        index = self.index - self.window.start
        found = np.zeros((), np.float32)
        # one after the other, always in this order: the sum is then the same in every window
        for k in range(index.shape[1]):
            taken = block.take(index[:, k], axis=axis).astype(np.float32, copy=False)
            found = found + taken * self.weight[:, k].reshape(shape)
        return found


def resample(
    block: NDArray[Any], taps: Sequence[ResamplingWeights], axes: Sequence[int] | None = None
) -> NDArray[np.float32]:
    """Make new pixels along the last axes of a block, or along those given."""
    axes = range(block.ndim - len(taps), block.ndim) if axes is None else axes
    for axis, each in zip(axes, taps, strict=True):
        block = each.apply(block, axis)
    return block


class Resampled:
    """An array that is read at another pixel size along some axes; each window is made when it is read.

    Parameters
    ----------
    data
        The array, possibly lazy.
    shape
        The shape that it is to have.
    """

    def __init__(self, data: Lazy, shape: tuple[int, ...]) -> None:
        self._data = data
        self.shape = shape
        self.dtype: np.dtype[Any] = np.dtype(np.float32)

    def __getitem__(self, key: tuple[int | slice, ...]) -> NDArray[np.float32]:
        """Read a window: a number or a slice without step for each axis."""
        taps: list[ResamplingWeights] = []
        axes: list[int] = []
        source: list[int | slice] = []
        for part, old, new in zip(key, self._data.shape, self.shape, strict=True):
            axis = sum(isinstance(each, slice) for each in source)
            if isinstance(part, slice) and old != new:
                found = ResamplingWeights.of(old, new, slice(*part.indices(new)[:2]))
                taps.append(found)
                axes.append(axis)
                part = found.window
            source.append(part)
        return resample(np.asarray(self._data[tuple(source)]), taps, axes)


def window_of(box: Box, old: Sequence[int], new: Sequence[int]) -> Box:
    """Return which old pixels a window of new ones is made of."""
    return tuple(
        ResamplingWeights.of(a, b, s).window for a, b, s in zip(old, new, box, strict=True)
    )
