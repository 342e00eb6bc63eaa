"""Pixels without data: NaN, infinite, the "no data" value of a file, or a number beyond float32."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGEST = 3.4e38
"""Floating-point values of this size or more stand for "no data" (GIS programs write -3.4e38)."""


def mark_missing(block: NDArray[Any], nodata: float | None = None) -> NDArray[Any]:
    """Return a block in which pixels without data are NaN.

    Parameters
    ----------
    block
        Pixels of any numeric dtype.
    nodata
        The value that stands for "no data" besides NaN, infinity and what exceeds `LARGEST`.

    Returns
    -------
    ndarray
        The block itself where no pixel lacks data; else a floating-point copy.
    """
    if block.dtype.kind == "f":
        missing = _beyond_range(block)
    elif nodata is not None and block.dtype.kind in "iu":
        missing = np.zeros(block.shape, bool)
    else:
        return block
    if nodata is not None:
        missing |= block == nodata
    if not missing.any():
        return block
    small = block.dtype.kind == "f" or block.dtype.itemsize <= 2
    marked = block.astype(np.result_type(block.dtype, np.float32) if small else np.float64)
    marked[missing] = np.nan
    return marked


def _beyond_range(block: NDArray[Any]) -> NDArray[np.bool_]:
    # the type of the pixels decides what fits: float16 has no 3.4e38
    widest = float(np.finfo(block.dtype).max)
    # of the pixels' own type: NumPy 1 compares single values as float64
    limit = block.dtype.type(min(LARGEST, widest))
    low, high = block.min(initial=0), block.max(initial=0)
    if -limit < low and high < limit:
        return np.zeros(block.shape, bool)
    within: NDArray[np.bool_] = (block > -limit) & (block < limit)
    if widest < LARGEST:
        within |= np.abs(block) == np.finfo(block.dtype).max
    return ~within


def missing_pixels(block: NDArray[Any]) -> NDArray[np.bool_] | None:
    r"""Return which pixels of a (channels, …) block have data in no channel; None if all have some.

    Parameters
    ----------
    block
        (channels, \*window), in which NaN stands for "no data".
    """
    if block.dtype.kind != "f":
        return None
    missing: NDArray[np.bool_] = np.isnan(block).all(axis=0)
    return missing if missing.any() else None
