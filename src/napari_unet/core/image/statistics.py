"""Measuring the normalisation of frames, each once, over whole frames or images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.image.blocks import read_blocks
from napari_unet.core.image.normalization import AffineNormalization, Normalization
from napari_unet.core.image.percentiles import percentiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.core.image.frames import Frame
    from napari_unet.core.progress import Job


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
        low, width = yield from percentiles(frames, normalization)
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


def _maximum(frames: Sequence[Frame]) -> Job[float]:
    top = -np.inf
    for progress, block in read_blocks(frames):
        top = max(top, float(block.max()))
        yield progress
    return top


def _mean_and_deviation(
    frames: Sequence[Frame], per_channel: bool
) -> Job[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    n = len(frames[0].channels)
    count, mean, square = 0, np.zeros(n), np.zeros(n)
    for progress, block in read_blocks(frames):
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
