"""Pixels as they look, where the numbers in a TIFF file mean something else: MinIsWhite and CMYK."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Lazy

MIN_IS_WHITE, SEPARATED = 0, 5
"""Values of the tag PhotometricInterpretation."""


class Shown:
    """An array whose pixels are converted when they are read.

    Parameters
    ----------
    data
        The array, possibly lazy.
    convert
        Converts a window.
    samples
        Length of the last axis after conversion, where that is different; it is read as a whole.
    """

    def __init__(
        self,
        data: Lazy,
        convert: Callable[[NDArray[Any]], NDArray[Any]],
        samples: int | None = None,
    ) -> None:
        self._data = data
        self._convert = convert
        self._samples = samples
        shape = tuple(int(n) for n in data.shape)
        self.shape = shape if samples is None else (*shape[:-1], samples)
        self.dtype = np.dtype(data.dtype)
        self.ndim, self.size = len(shape), math.prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        whole: NDArray[Any] = self[...]
        return whole.astype(dtype or self.dtype, copy=False)

    def __getitem__(self, key: Any) -> Any:
        if self._samples is None:
            return self._convert(self._data[key])
        keys = list(key) if isinstance(key, tuple) else [key]
        if Ellipsis in keys:
            at = keys.index(Ellipsis)
            keys[at : at + 1] = [slice(None)] * (self.ndim - len(keys) + 1)
        keys += [slice(None)] * (self.ndim - len(keys))
        *rest, sample = keys
        return self._convert(self._data[(*rest, slice(None))])[..., sample]


def as_shown(data: Lazy, page: Any, axes: str) -> Lazy:
    """Return the pixels of a TIFF series as they look.

    Parameters
    ----------
    data
        The pixels as stored.
    page
        Its first page, a ``tifffile.TiffPage``.
    axes
        A letter for each axis.

    Returns
    -------
    Lazy
        Where dark pixels have high values (MinIsWhite), inverted; CMYK as RGB; else `data`.
    """
    dtype = np.dtype(data.dtype)
    if page.photometric == MIN_IS_WHITE and dtype.kind in "bu":
        bits = min(int(np.max(page.bitspersample)), 8 * dtype.itemsize)
        top = (1 << bits) - 1
        return Shown(data, lambda block: _subtracted(block, top))
    inks = page.photometric == SEPARATED and axes.endswith("S") and data.shape[-1] == 4
    return Shown(data, _rgb_of_cmyk, 3) if inks and dtype.kind == "u" else data


def _subtracted(block: NDArray[Any], top: int) -> NDArray[Any]:
    if block.dtype == bool:
        return ~block
    inverted: NDArray[Any] = block.dtype.type(top) - block
    return inverted


def _rgb_of_cmyk(block: NDArray[Any]) -> NDArray[Any]:
    """Convert inks, of which more is darker, to light."""
    top = np.iinfo(block.dtype).max
    light = (top - block).astype(np.float64)
    rgb: NDArray[Any] = np.rint(light[..., :3] * light[..., 3:] / top).astype(block.dtype)
    return rgb
