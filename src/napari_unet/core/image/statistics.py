"""Measuring the normalisation of frames, each once, over whole frames or images."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.image.normalization import AffineNormalization, Normalization
from napari_unet.core.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Box
    from napari_unet.core.image.frames import Frame
    from napari_unet.core.progress import Job


BLOCK_PIXELS = 1 << 22
"""Pixels read at a time while measuring."""

MAX_SORTED_PIXELS = 1 << 22
"""Largest number of pixels whose percentiles are found by holding them all in memory."""

HISTOGRAM_BINS = 1 << 16
"""Bins that percentiles of many pixels are found with where their type is not a small integer."""

NOTE = "Measuring intensity"


class NormalizationStatistics:
    """The measured normalisation of the frames of an image, measured when it is first needed.

    Parameters
    ----------
    normalization
        What to measure.
    frames
        All frames of the image: with the scope ``"image"`` they share their statistics.
    """

    def __init__(self, normalization: Normalization, frames: Sequence[Frame]) -> None:
        self._normalization = normalization
        self._shared = frames if normalization.scope == "image" else None
        self._measured: dict[str, AffineNormalization] = {}

    def prepare(self, frame: Frame) -> Job[None]:
        """Measure the normalisation of a frame, unless that has been done.

        Yields
        ------
        Progress
            As `measure`.

        Raises
        ------
        UserError
            As `measure`.
        """
        if self._key(frame) not in self._measured:
            affine = yield from measure(self._normalization, self._shared or [frame])
            self._measured[self._key(frame)] = affine

    def __getitem__(self, frame: Frame) -> AffineNormalization:
        return self._measured[self._key(frame)]

    def _key(self, frame: Frame) -> str:
        return "" if self._shared else frame.title


def measure(normalization: Normalization, frames: Sequence[Frame]) -> Job[AffineNormalization]:
    """Measure a normalisation over some frames together.

    Parameters
    ----------
    normalization
        What to measure.
    frames
        The frames that share the statistics: one, or all of an image.

    Yields
    ------
    Progress
        After each block of at most `BLOCK_PIXELS` pixels.

    Returns
    -------
    AffineNormalization
        What to apply to every block of these frames.

    Raises
    ------
    UserError
        When a pixel is NaN or infinite, the number of gains or offsets does not fit the channels, or
        the low percentile is not below the high one.
    """
    n = len(frames[0].channels)
    if normalization.kind == "linear":
        return AffineNormalization(
            _per_channel("gain", normalization.gain, n),
            _per_channel("offset", normalization.offset, n),
            normalization.clip,
        )
    if normalization.kind == "divide_255":
        top = yield from _maximum(frames)
        gain = 1 / 255 if top > 1 else 1.0
        return AffineNormalization((gain,) * n, (0.0,) * n, normalization.clip)
    if normalization.kind == "zscore":
        low, width = yield from _mean_and_deviation(frames, normalization.per_channel)
    else:
        low, width = yield from _percentiles(frames, normalization)
    gain_array = 1 / (width + normalization.epsilon)
    return AffineNormalization(
        tuple(gain_array.tolist()), tuple((-low * gain_array).tolist()), normalization.clip
    )


def _per_channel(name: str, values: tuple[float, ...], n: int) -> tuple[float, ...]:
    if len(values) not in (1, n):
        raise UserError(
            f"The {name}s of the normalisation do not fit the channels",
            value=f"{len(values)} for {n} channel(s)",
            rule=f"There must be one {name} for all channels, or one for each.",
            remedy=f"Give 1 or {n}.",
        )
    return values * n if len(values) == 1 else values


def blocks(shape: Sequence[int], limit: int = BLOCK_PIXELS) -> Iterator[Box]:
    """Cut a shape into boxes of at most `limit` pixels (at least one row) that cover it once."""
    if len(shape) == 1 or int(np.prod(shape)) <= limit:
        yield tuple(slice(0, n) for n in shape)
        return
    inner = int(np.prod(shape[1:]))
    if inner > limit:
        for i in range(shape[0]):
            for rest in blocks(shape[1:], limit):
                yield (slice(i, i + 1), *rest)
        return
    step = limit // inner
    for start in range(0, shape[0], step):
        yield (slice(start, min(start + step, shape[0])), *(slice(0, n) for n in shape[1:]))


def _read(frames: Sequence[Frame]) -> Iterator[tuple[Progress, NDArray[Any]]]:
    """Read all pixels block by block, (channels, pixels) each."""
    boxes = list(blocks(frames[0].shape))
    total = len(boxes) * len(frames)
    for i, frame in enumerate(frames):
        for j, box in enumerate(boxes):
            block = frame.read(box)
            yield Progress(i * len(boxes) + j + 1, total, NOTE), block.reshape(len(block), -1)


def _maximum(frames: Sequence[Frame]) -> Job[float]:
    top = -np.inf
    for progress, block in _read(frames):
        top = max(top, float(block.max()))
        yield progress
    return top


def _mean_and_deviation(
    frames: Sequence[Frame], per_channel: bool
) -> Job[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    n = len(frames[0].channels)
    count, mean, square = 0, np.zeros(n), np.zeros(n)
    for progress, block in _read(frames):
        # pairwise update of mean and variance (Chan, Golub and LeVeque 1979)
        size = block.shape[1]
        block_mean = block.mean(axis=1, dtype=np.float64)
        block_square = block.var(axis=1, dtype=np.float64) * size
        delta = block_mean - mean
        mean = mean + delta * size / (count + size)
        square = square + block_square + delta**2 * count * size / (count + size)
        count += size
        yield progress
    variance = square / count
    if not per_channel:
        variance = np.full(n, variance.mean() + mean.var())
        mean = np.full(n, mean.mean())
    return mean, np.sqrt(variance)


def _percentiles(
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
    for progress, block in _read(frames):
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
    for progress, block in _read(frames):
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
    for progress, block in _read(frames):
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
