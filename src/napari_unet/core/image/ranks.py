"""Exact order statistics of any number of pixels of any type, read block by block.

A value's bits are mapped to an unsigned integer that sorts as the value does; its 16 leading bits are
counted first, then the next 16 among those that share the leading bits of a wanted rank, and so on
(radix selection). Pixels without data (NaN) don't count.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.image.blocks import read_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_unet.core.image.frames import Frame
    from napari_unet.core.progress import Job

DIGIT_BITS = 16
"""Bits that are counted in one reading of the pixels."""

MAX_HELD_PIXELS = 1 << 22
"""Largest number of pixels that are held in memory rather than read once for each digit."""


def values_at_ranks(
    frames: Sequence[Frame], ranks: Callable[[int, int], Sequence[int]], *, per_channel: bool
) -> Job[list[tuple[int, NDArray[np.float64]]]]:
    """Find the values at some ranks of the sorted intensities of frames.

    Parameters
    ----------
    frames
        Frames of the same shape and channels.
    ranks
        The wanted ranks, from 0, of a channel (0 where all are sorted together) with a number of pixels
        above 0.
    per_channel
        Whether each channel is sorted by itself, or all together.

    Yields
    ------
    Progress
        After each block.

    Returns
    -------
    list of tuple
        For each channel, or once for all: the number of pixels that have data, and the value at each
        rank; no values where no pixel has data.
    """
    n = len(frames[0].channels)
    pixels = sum(int(np.prod(frame.shape)) for frame in frames)
    if pixels * n <= MAX_HELD_PIXELS:
        return (yield from _in_memory(frames, ranks, per_channel))
    dtype = _dtype_of(frames[0])
    rows = range(n if per_channel else 1)
    selections = [_Selection(dtype, partial(ranks, row)) for row in rows]
    while not all(selection.complete for selection in selections):
        for progress, block in read_blocks(frames):
            for c, values in enumerate(block):
                selections[c if per_channel else 0].count(values)
            yield progress
        for selection in selections:
            selection.advance()
    return [selection.result() for selection in selections]


def _in_memory(
    frames: Sequence[Frame], ranks: Callable[[int, int], Sequence[int]], per_channel: bool
) -> Job[list[tuple[int, NDArray[np.float64]]]]:
    held = []
    for progress, block in read_blocks(frames):
        held.append(block)
        yield progress
    pixels = np.concatenate(held, axis=1)
    found = []
    for row, channel in enumerate(pixels if per_channel else pixels.reshape(1, -1)):
        values = _with_data(channel)
        wanted = np.asarray(ranks(row, values.size) if values.size else [], dtype=np.intp)
        parted = np.partition(values, np.unique(wanted)) if wanted.size else values
        found.append((values.size, parted[wanted].astype(np.float64)))
    return found


class _Selection:
    """Radix selection of some ranks among values that are seen once for each digit.

    Parameters
    ----------
    dtype
        Type of the values.
    ranks
        The wanted ranks for a number of values.
    """

    def __init__(self, dtype: np.dtype[Any], ranks: Callable[[int], Sequence[int]]) -> None:
        self._dtype = dtype
        self._ranks = ranks
        self._size = 0
        self._digit = 0
        self._prefixes = np.zeros(1, np.uint64)
        self._counts = np.zeros((1, 1 << DIGIT_BITS), np.int64)
        # of each wanted rank: which prefix it has, its rank among these, and its digits so far
        self._slot = np.zeros(0, np.intp)
        self._rank = np.zeros(0, np.int64)
        self._keys = np.zeros(0, np.uint64)

    @property
    def complete(self) -> bool:
        """Whether all digits are known."""
        return self._digit * DIGIT_BITS >= _bits(self._dtype)

    def count(self, values: NDArray[Any]) -> None:
        """Count the present digit of some values."""
        keys = sort_keys(_with_data(values).astype(self._dtype, copy=False))
        shift = _bits(self._dtype) - DIGIT_BITS * (self._digit + 1)
        digits = (keys >> keys.dtype.type(shift)).astype(np.intp) & ((1 << DIGIT_BITS) - 1)
        if self._digit:
            slots = self._slots(keys, shift + DIGIT_BITS)
            digits = (digits + (slots << DIGIT_BITS))[slots >= 0]
        counted = np.bincount(digits, minlength=self._counts.size)
        self._counts += counted.reshape(self._counts.shape)

    def _slots(self, keys: NDArray[Any], shift: int) -> NDArray[np.intp]:
        """Return which of the prefixes each key has, or -1."""
        leading = (keys >> keys.dtype.type(shift)).astype(np.uint64)
        places = np.searchsorted(self._prefixes, leading).clip(0, len(self._prefixes) - 1)
        slots: NDArray[np.intp] = np.where(self._prefixes[places] == leading, places, -1)
        return slots

    def advance(self) -> None:
        """Decide the present digit of each wanted rank, and go on to the next."""
        if not self._digit:
            self._size = int(self._counts.sum())
            self._rank = np.array(self._ranks(self._size) if self._size else [], np.int64)
            self._slot = np.zeros(len(self._rank), np.intp)
            self._keys = np.zeros(len(self._rank), np.uint64)
        totals = self._counts.cumsum(axis=1)
        for i, slot in enumerate(self._slot):
            digit = int(np.searchsorted(totals[slot], self._rank[i], side="right"))
            self._rank[i] -= totals[slot, digit - 1] if digit else 0
            self._keys[i] = (int(self._keys[i]) << DIGIT_BITS) | digit
        self._prefixes, self._slot = np.unique(self._keys, return_inverse=True)
        self._counts = np.zeros((max(len(self._prefixes), 1), 1 << DIGIT_BITS), np.int64)
        self._digit += 1

    def result(self) -> tuple[int, NDArray[np.float64]]:
        """Return the number of values and those at the ranks."""
        return self._size, values_of_keys(self._keys, self._dtype)


def _dtype_of(frame: Frame) -> np.dtype[Any]:
    """Return the native type that holds all pixels of a frame, missing ones included."""
    own = np.dtype(frame.image.data.dtype).newbyteorder("=")
    if min(frame.channels, default=0) < 0:
        own = np.result_type(own, np.float32)
    if own.kind in "iu" and frame.image.nodata is not None:
        return np.dtype(np.float32 if own.itemsize <= 2 else np.float64)
    return own if own.itemsize <= 8 else np.dtype(np.float64)


def _with_data(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.kind != "f":
        return values
    missing = np.isnan(values)
    return values[~missing] if missing.any() else values


def _bits(dtype: np.dtype[Any]) -> int:
    """Bits of the keys of a type; those of a single byte are kept in two."""
    return max(dtype.itemsize * 8, DIGIT_BITS)


def sort_keys(values: NDArray[Any]) -> NDArray[Any]:
    """Map values to unsigned integers of their size, two bytes at least, that sort as the values do."""
    if values.dtype.kind == "b" or values.dtype.itemsize == 1:
        values = values.astype(np.int16)
    bits = values.dtype.itemsize * 8
    unsigned = np.dtype(f"u{values.dtype.itemsize}")
    keys = np.ascontiguousarray(values).view(unsigned)
    top = unsigned.type(1 << (bits - 1))
    if values.dtype.kind == "i":
        return np.asarray(keys ^ top)
    if values.dtype.kind == "f":
        # IEEE 754: the size of negative numbers falls where their bits rise
        negative = keys >= top
        return np.asarray(np.where(negative, ~keys, keys | top))
    return keys


def values_of_keys(keys: NDArray[np.uint64], dtype: np.dtype[Any]) -> NDArray[np.float64]:
    """Return the values that `sort_keys` maps to these keys."""
    stored = np.dtype(np.int16) if dtype.kind == "b" or dtype.itemsize == 1 else dtype
    stored = stored.newbyteorder("=")
    unsigned = np.dtype(f"u{stored.itemsize}")
    top = unsigned.type(1 << (stored.itemsize * 8 - 1))
    bits = keys.astype(unsigned)
    if stored.kind == "i":
        bits = bits ^ top
    elif stored.kind == "f":
        bits = np.where(bits >= top, bits ^ top, ~bits)
    values: NDArray[np.float64] = bits.view(stored).astype(np.float64)
    return values
