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

COLOURS = (2, 5, 6, 8, 9, 10)
"""Values for RGB, CMYK, YCbCr and kinds of L*a*b*."""


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
        keys = full_key(key, self.ndim)
        *rest, sample = keys
        return self._convert(self._data[(*rest, slice(None))])[..., sample]


def as_shown(data: Lazy, page: Any, axes: str) -> tuple[Lazy, str]:
    """Return the pixels of a TIFF series as they look, and their axes.

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
    data
        Where dark pixels have high values (MinIsWhite), inverted; CMYK as RGB; else as given. Colours
        come last.
    axes
        Of these; samples that are no colours are channels.
    """
    dtype = np.dtype(data.dtype)
    if page.photometric == MIN_IS_WHITE and dtype.kind in "bu":
        bits = min(int(np.max(page.bitspersample)), 8 * dtype.itemsize)
        top = (1 << bits) - 1
        data = Shown(data, lambda block: _subtracted(block, top))
    if "S" not in axes:
        return data, axes
    at = axes.index("S")
    if page.photometric not in COLOURS or data.shape[at] not in (3, 4):
        return data, axes if "C" in axes else axes.replace("S", "C")
    if at < len(axes) - 1:
        data, axes = SamplesLast(data, at), axes.replace("S", "") + "S"
    if page.photometric == SEPARATED and data.shape[-1] == 4 and dtype.kind == "u":
        data = Shown(data, _rgb_of_cmyk, 3)
    return data, axes


class SamplesLast:
    """An array whose colours are stored plane by plane, with the axis of colours last.

    Parameters
    ----------
    data
        The array, possibly lazy.
    axis
        Where its colours are.
    """

    def __init__(self, data: Lazy, axis: int) -> None:
        self._data = data
        self._axis = axis
        shape = [int(n) for n in data.shape]
        self.shape = (*shape[:axis], *shape[axis + 1 :], shape[axis])
        self.dtype = np.dtype(data.dtype)
        self.ndim, self.size = len(shape), math.prod(shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        whole: NDArray[Any] = self[...]
        return whole.astype(dtype or self.dtype, copy=False)

    def __getitem__(self, key: Any) -> Any:
        keys = full_key(key, self.ndim)
        stored = [*keys[:-1]]
        stored.insert(self._axis, keys[-1])
        block = self._data[tuple(stored)]
        if not isinstance(keys[-1], slice):
            return block
        # integers take their axes away
        return np.moveaxis(block, sum(isinstance(k, slice) for k in stored[: self._axis]), -1)


def full_key(key: Any, ndim: int) -> list[Any]:
    """Return an index with an entry for each axis."""
    keys = list(key) if isinstance(key, tuple) else [key]
    if any(k is Ellipsis for k in keys):
        at = next(i for i, k in enumerate(keys) if k is Ellipsis)
        keys[at : at + 1] = [slice(None)] * (ndim - len(keys) + 1)
    return keys + [slice(None)] * (ndim - len(keys))


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
