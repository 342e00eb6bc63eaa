"""A TIFF image as a lazy array: only the window asked for is read from the disk."""

from __future__ import annotations

import math
import operator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.services.tiff.pages import Box, Mapped, damaged, locate
from napari_unet.services.tiff.stack import PageStack

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import DTypeLike, NDArray

EAGER_BYTES = 512 << 20
"""Largest image that is read as a whole, where its layout can't be read in windows."""


class TiffArray:
    """A TIFF series as a lazy array.

    Indexing with integers, slices and ``...`` gives an ordinary array. No file stays open between two
    reads. Uncompressed pixels are memory-mapped, so that a window costs no more than its pixels;
    compressed ones are decoded by strip or tile, and the last of these are cached for neighbouring
    windows.

    Parameters
    ----------
    series
        A series of an open ``tifffile.TiffFile``.
    mark_absent
        Whether planes that the file announces but lacks are NaN, in an array of floats, rather than 0.

    Attributes
    ----------
    shape
        Shape of the series.
    dtype
        Its type, in native byte order.
    absent
        Which of its pages are missing.

    Raises
    ------
    UserError
        When the file is shorter than its header says. Reading raises it when pixels are damaged.
    """

    def __init__(self, series: Any, *, mark_absent: bool = False) -> None:
        self.shape: tuple[int, ...] = tuple(int(n) for n in series.shape)
        self.dtype: np.dtype[Any] = series.dtype.newbyteorder("=")
        self.absent: NDArray[np.bool_] = np.zeros(1, bool)
        if series.dataoffset is None:
            self.absent = np.array([page is None for page in series], bool)
        if mark_absent and self.absent.any():
            small = self.dtype.itemsize <= 2
            self.dtype = np.result_type(self.dtype, np.float32 if small else np.float64)
        self._path: str = series.parent.filehandle.path
        self._read = _reader(series, self.dtype)

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of pixels."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        whole: NDArray[Any] = self[...]
        return whole.astype(dtype or self.dtype, copy=False)

    def __getitem__(self, key: Any) -> Any:
        box, rest = window(key, self.shape)
        try:
            return self._read(box)[rest]
        except UserError:
            raise
        except Exception as error:
            # decoding damaged data may raise anything, and the file may have been removed
            raise damaged(self._path, error) from error


def window(key: Any, shape: tuple[int, ...]) -> tuple[Box, tuple[Any, ...]]:
    """Split an index into the box it spans and the index that is left to apply to that box."""
    keys = key if isinstance(key, tuple) else (key,)
    if any(k is Ellipsis for k in keys):
        at = next(i for i, k in enumerate(keys) if k is Ellipsis)
        keys = keys[:at] + (slice(None),) * (len(shape) - len(keys) + 1) + keys[at + 1 :]
    if len(keys) > len(shape):
        raise IndexError(f"{len(keys)} indices for {len(shape)} axes")
    box: list[slice] = []
    rest: list[slice | int] = []
    for k, n in zip(keys + (slice(None),) * (len(shape) - len(keys)), shape, strict=True):
        if isinstance(k, slice):
            steps = range(*k.indices(n))
            # not min and max, which would walk through all of them
            ends = sorted((steps[0], steps[-1])) if steps else (0, -1)
            box.append(slice(ends[0], ends[1] + 1))
            rest.append(slice(None, None, steps.step))
        else:
            i = operator.index(k)
            if not -n <= i < n:
                raise IndexError(f"index {i} is out of bounds for an axis of length {n}")
            box.append(slice(i % n, i % n + 1))
            rest.append(0)
    return tuple(box), tuple(rest)


def _reader(series: Any, dtype: np.dtype[Any]) -> Callable[[Box], NDArray[Any]]:
    """Choose how the windows of a series are read."""
    handle = series.parent.filehandle
    if series.transform is None:
        if series.dataoffset is not None:
            stored = series.dtype.newbyteorder(series.parent.byteorder)
            mapped = Mapped(handle.path, stored, series.dataoffset, series.shape)
            mapped.check(handle.size)
            return mapped.read
        if (lead := _leading(series)) is not None:
            return PageStack(locate(series), series.shape, lead, dtype).read
        if len(series) * series.keyframe.size != series.size:
            raise damaged(handle.path, f"{len(series)} page(s) for shape {tuple(series.shape)}")
    if series.nbytes > EAGER_BYTES:
        raise UserError(
            f"{Path(handle.path).name} is laid out in a way that can't be read in parts",
            value=f"{series.nbytes / 2**30:.1f} GiB",
            rule=f"A file with this layout must be smaller than {EAGER_BYTES >> 20} MiB.",
            remedy="Export it, for example from Fiji, as plain TIFF or OME-TIFF.",
        )
    pixels = np.asarray(series.asarray())
    if pixels.shape != tuple(series.shape):
        raise damaged(handle.path, f"shape {pixels.shape} instead of {tuple(series.shape)}")
    return pixels.__getitem__


def _leading(series: Any) -> int | None:
    """Count the axes of a series that run over its pages; None if pages don't add up to its shape."""
    shape, page = series.shape, [n for n in series.keyframe.shape if n != 1]
    for lead in range(len(shape) + 1):
        if math.prod(shape[:lead]) == len(series) and [n for n in shape[lead:] if n != 1] == page:
            return lead
    return None
