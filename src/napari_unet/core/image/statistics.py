"""Measuring the normalisation of frames, each once, over whole frames or images."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.image.blocks import read_blocks
from napari_unet.core.image.normalization import AffineNormalization, Normalization
from napari_unet.core.image.percentiles import percentiles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    measured
        What another one has measured of the same frames.

    Attributes
    ----------
    measured
        By the titles of the frames; one without a title for all.
    """

    def __init__(
        self,
        normalization: Normalization,
        frames: Sequence[Frame],
        measured: Mapping[str, AffineNormalization] | None = None,
    ) -> None:
        self._normalization = normalization
        self._shared = frames if normalization.scope == "image" else None
        self.measured: dict[str, AffineNormalization] = dict(measured or {})

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
        if self._key(frame) not in self.measured:
            affine = yield from measure(self._normalization, self._shared or [frame])
            self.measured[self._key(frame)] = affine

    def __getitem__(self, frame: Frame) -> AffineNormalization:
        return self.measured[self._key(frame)]

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
        When the number of gains or offsets does not fit the channels, or the low percentile is not below
        the high one.
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
        return _to_unit(low, width, normalization)
    measured = yield from percentiles(frames, normalization)
    affine = _to_unit(measured.low, measured.width, normalization)
    limits = tuple((low, high) for low, high in measured.limits.tolist())
    return replace(affine, limits=limits if np.isfinite(measured.limits).any() else ())


def _to_unit(
    low: NDArray[np.float64], width: NDArray[np.float64], normalization: Normalization
) -> AffineNormalization:
    """Return what maps `low` to 0 and what lies `width` above it to 1."""
    gain = 1 / (width + normalization.epsilon)
    return AffineNormalization(
        tuple(gain.tolist()), tuple((-low * gain).tolist()), normalization.clip
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
        top = max(top, float(np.fmax.reduce(block, axis=None)))
        yield progress
    return top


def _mean_and_deviation(
    frames: Sequence[Frame], per_channel: bool
) -> Job[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    n = len(frames[0].channels)
    count, mean, square = np.zeros(n), np.zeros(n), np.zeros(n)
    for progress, block in read_blocks(frames):
        # pairwise update of mean and variance (Chan, Golub and LeVeque 1979)
        size, block_mean, block_square = _moments(block)
        delta = block_mean - mean
        total = np.maximum(count + size, 1)
        mean = mean + delta * size / total
        square = square + block_square + delta**2 * count * size / total
        count = count + size
        yield progress
    variance = square / np.maximum(count, 1)
    if not per_channel:
        weights = count / max(count.sum(), 1)
        common = (weights * mean).sum()
        variance = np.full(n, (weights * (variance + (mean - common) ** 2)).sum())
        mean = np.full(n, common)
    return mean, np.sqrt(variance)


def _moments(
    block: NDArray[Any],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Count, mean and sum of squares of the pixels of each channel that have data."""
    missing = np.isnan(block) if block.dtype.kind == "f" else None
    if missing is None or not missing.any():
        size = np.full(len(block), float(block.shape[1]))
        return (
            size,
            block.mean(axis=1, dtype=np.float64),
            block.var(axis=1, dtype=np.float64) * size,
        )
    size = (~missing).sum(axis=1).astype(np.float64)
    values = np.where(missing, 0, block).astype(np.float64)
    mean = values.sum(axis=1) / np.maximum(size, 1)
    square = (np.where(missing, 0, values - mean[:, None]) ** 2).sum(axis=1)
    return size, mean, square
