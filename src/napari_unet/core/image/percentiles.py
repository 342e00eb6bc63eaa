"""Percentiles of the intensities of frames, for each channel."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.image.blocks import read_blocks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.core.image.frames import Frame
    from napari_unet.core.image.normalization import Normalization
    from napari_unet.core.progress import Job

MAX_SORTED_PIXELS = 1 << 22
"""Largest number of pixels whose percentiles are found by holding them all in memory."""

HISTOGRAM_BINS = 1 << 16
"""Bins that percentiles of many pixels are found with where their type is not a small integer."""


def percentiles(
    frames: Sequence[Frame], normalization: Normalization
) -> Job[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Measure the low percentile and the distance to the high one, for each channel.

    They are exact for integers of up to 16 bits, and for any type where all pixels fit into memory;
    otherwise exact to 1/131070 of the range.
    """
    if normalization.low >= normalization.high:
        raise UserError(
            "The percentiles of the normalisation are the wrong way round",
            value=f"{normalization.low:g} and {normalization.high:g}",
            rule="The low percentile must be below the high one.",
            remedy="Give, for example, 1 and 99.8.",
        )
    dtype = frames[0].image.data.dtype
    exact = dtype.kind in "bui" and dtype.itemsize <= 2
    if not exact and prod(frames[0].shape) * len(frames) <= MAX_SORTED_PIXELS:
        return (yield from _percentiles_in_memory(frames, normalization))
    return (yield from _percentiles_by_histogram(frames, normalization, exact))


def _percentiles_by_histogram(
    frames: Sequence[Frame], normalization: Normalization, exact: bool
) -> Job[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    dtype = frames[0].image.data.dtype
    n = len(frames[0].channels)
    if exact:
        first, last = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        low, step = np.full(n, float(first)), np.ones(n)
        bins = int(last) - int(first) + 1
    else:
        low, high = yield from _range(frames)
        if not normalization.per_channel:
            low, high = np.full(n, low.min()), np.full(n, high.max())
        bins = HISTOGRAM_BINS
        step = np.maximum(high - low, np.finfo(np.float64).tiny) / (bins - 1)
    counts = np.zeros((n, bins), dtype=np.int64)
    for progress, block in read_blocks(frames):
        for c, values in enumerate(block):
            index = (
                values.astype(np.intp) - int(low[c]) if exact else _bins(values, low[c], step[c])
            )
            counts[c] += np.bincount(index, minlength=bins)
        yield progress
    if not normalization.per_channel:
        counts[:] = counts.sum(axis=0)
    wanted = (normalization.low, normalization.high)
    values = low[:, None] + step[:, None] * [[_rank(row, q) for q in wanted] for row in counts]
    return values[:, 0], values[:, 1] - values[:, 0]


def _percentiles_in_memory(
    frames: Sequence[Frame], normalization: Normalization
) -> Job[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    held = []
    for progress, block in read_blocks(frames):
        held.append(block)
        yield progress
    values = np.concatenate(held, axis=1).astype(np.float64)
    axis = 1 if normalization.per_channel else None
    low, high = np.percentile(values, (normalization.low, normalization.high), axis=axis)
    n = len(values)
    return np.broadcast_to(low, n), np.broadcast_to(high - low, n)


def _bins(values: NDArray[Any], low: float, step: float) -> NDArray[np.intp]:
    return np.rint((values - low) / step).astype(np.intp)


def _range(frames: Sequence[Frame]) -> Job[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    n = len(frames[0].channels)
    low, high = np.full(n, np.inf), np.full(n, -np.inf)
    for progress, block in read_blocks(frames):
        low = np.minimum(low, block.min(axis=1))
        high = np.maximum(high, block.max(axis=1))
        yield progress
    return low, high


def _rank(counts: NDArray[np.int64], percent: float) -> float:
    """Return the bin of a percentile, interpolated between neighbours as ``numpy.percentile`` does."""
    total = np.cumsum(counts)
    rank = percent / 100 * (total[-1] - 1)
    below, above = np.searchsorted(total, [np.floor(rank) + 1, np.ceil(rank) + 1])
    return float(below + (above - below) * (rank - np.floor(rank)))
