"""A mask of a plane, in little memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class BitMask:
    """A mask of a plane: nothing outside a rectangle; inside it everything, or a bit for each pixel.

    Attributes
    ----------
    rows, columns
        The rectangle; both slices have a start and a stop.
    bits
        The pixels of the rectangle, packed along the rows; None: all of them.
    """

    rows: slice
    columns: slice
    bits: NDArray[np.uint8] | None = None

    @classmethod
    def none(cls) -> BitMask:
        """Return an empty mask."""
        return cls(slice(0, 0), slice(0, 0))

    @classmethod
    def whole(cls, shape: tuple[int, int]) -> BitMask:
        """Return the mask of a whole plane of this shape."""
        return cls(slice(0, shape[0]), slice(0, shape[1]))

    @classmethod
    def of(cls, mask: NDArray[np.bool_], top: int = 0, left: int = 0) -> BitMask:
        """Pack a mask whose first pixel lies at (`top`, `left`) of the plane."""
        y, x = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not len(y):
            return cls.none()
        inner = mask[y[0] : y[-1] + 1, x[0] : x[-1] + 1]
        rows = slice(top + int(y[0]), top + int(y[-1]) + 1)
        columns = slice(left + int(x[0]), left + int(x[-1]) + 1)
        return cls(rows, columns, None if inner.all() else np.packbits(inner, axis=1))

    @classmethod
    def union(cls, masks: list[BitMask]) -> BitMask:
        """Return the union of some masks."""
        filled = [m for m in masks if m]
        if len(filled) <= 1:
            return filled[0] if filled else cls.none()
        rows = slice(min(m.rows.start for m in filled), max(m.rows.stop for m in filled))
        columns = slice(min(m.columns.start for m in filled), max(m.columns.stop for m in filled))
        joined = np.logical_or.reduce([m.window(rows, columns) for m in filled])
        return cls.of(joined, rows.start, columns.start)

    def window(self, rows: slice, columns: slice) -> NDArray[np.bool_]:
        """Return the mask inside a window of the plane, whose slices have a start and a stop."""
        out = np.zeros((rows.stop - rows.start, columns.stop - columns.start), dtype=bool)
        top, bottom = max(rows.start, self.rows.start), min(rows.stop, self.rows.stop)
        left, right = max(columns.start, self.columns.start), min(columns.stop, self.columns.stop)
        if top >= bottom or left >= right:
            return out
        inside = out[
            top - rows.start : bottom - rows.start, left - columns.start : right - columns.start
        ]
        if self.bits is None:
            inside[:] = True
            return out
        first, last = left - self.columns.start, right - self.columns.start
        packed = self.bits[
            top - self.rows.start : bottom - self.rows.start, first // 8 : -(-last // 8)
        ]
        inside[:] = np.unpackbits(packed, axis=1)[:, first % 8 : first % 8 + last - first]
        return out

    def __bool__(self) -> bool:
        return bool(self.rows.start < self.rows.stop)

    @property
    def box(self) -> tuple[slice, slice]:
        """The rectangle."""
        return self.rows, self.columns
