"""Percentiles of the intensities of frames, for each channel, and limits that outliers exceed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.image.blocks import read_blocks
from napari_unet.core.image.ranks import values_at_ranks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.core.image.frames import Frame
    from napari_unet.core.image.normalization import Normalization
    from napari_unet.core.progress import Job

OUTLIERS = 16
"""Pixels of a frame that may be outliers, such as hot pixels: fewer than make an object."""

OUTLIER_FACTOR = 2.5
"""The range of all pixels is this many times that of all but the outliers if there are any."""


@dataclass(frozen=True)
class Percentiles:
    """The low percentile and the distance to the high one, and limits, for each channel.

    Attributes
    ----------
    low, width
        (channels,) in the image's own values.
    limits
        (channels, 2): normalised values beyond which only outliers lie; infinite without outliers.
    """

    low: NDArray[np.float64]
    width: NDArray[np.float64]
    limits: NDArray[np.float64]


def percentiles(frames: Sequence[Frame], normalization: Normalization) -> Job[Percentiles]:
    """Measure percentiles of frames, each channel by itself or all together.

    They are those of ``numpy.percentile``, for any type and number of pixels. Pixels without data don't
    count; where there are only such, low is 0 and width 1.
    """
    if normalization.low >= normalization.high:
        raise UserError(
            "The percentiles of the normalisation are the wrong way round",
            value=f"{normalization.low:g} and {normalization.high:g}",
            rule="The low percentile must be below the high one.",
            remedy="Give, for example, 1 and 99.8.",
        )
    each, n = normalization.per_channel, len(frames[0].channels)
    none = np.zeros((n if each else 1, 2), np.int64)
    # of resampled images, an outlier has a part in several pixels
    outliers = OUTLIERS * getattr(frames[0].image.data, "spread", 1)
    quantiles = _Quantiles(normalization, outliers * len(frames), none)
    rows = yield from quantiles.measure(frames)
    if np.isfinite([row[2:] for row in rows]).any():
        # as if the outliers were not there: else one of them would move each percentile by a pixel
        cuts = [_cuts(row, normalization.epsilon) for row in rows]
        quantiles = replace(quantiles, left_out=(yield from _beyond(frames, cuts, each)))
        rows = yield from quantiles.measure(frames)
    low, width, *limits = np.broadcast_to(np.array(rows).T, (4, n))
    return Percentiles(low, width, np.stack(limits, axis=1))


Row = tuple[float, float, float, float]
"""Low percentile, width and the two limits of a channel."""


@dataclass(frozen=True)
class _Quantiles:
    """What to measure.

    Attributes
    ----------
    normalization
        The percentiles.
    few
        Pixels at either end that may be outliers.
    left_out
        (rows, 2): pixels at either end that are outliers and don't count.
    """

    normalization: Normalization
    few: int
    left_out: NDArray[np.int64]

    def measure(self, frames: Sequence[Frame]) -> Job[list[Row]]:
        """Measure each channel, or all together."""
        each = self.normalization.per_channel
        found = yield from values_at_ranks(frames, self._ranks, per_channel=each)
        return [self._row(row, size, values) for row, (size, values) in enumerate(found)]

    def _places(self, row: int, size: int) -> list[float]:
        """Places of the percentiles in the sorted pixels of which some are left out."""
        below, above = self.left_out[row]
        both = (self.normalization.low, self.normalization.high)
        return [below + percent / 100 * (size - below - above - 1) for percent in both]

    def _ranks(self, row: int, size: int) -> list[int]:
        places = self._places(row, size)
        # the ends of the ordinary pixels: known once outliers have been counted
        few_below, few_above = (n or min(self.few, size - 1) for n in self.left_out[row])
        ends = [end for place in places for end in (math.floor(place), math.ceil(place))]
        return [*ends, 0, few_below, size - 1 - few_above, size - 1]

    def _row(self, row: int, size: int, values: NDArray[np.float64]) -> Row:
        if not size:
            return 0.0, 1.0, -math.inf, math.inf
        low, high = (
            _between(values[2 * i], values[2 * i + 1], place % 1)
            for i, place in enumerate(self._places(row, size))
        )
        width = high - low
        with np.errstate(over="ignore"):
            least, few_below, few_above, largest = (values[4:] - low) / (
                width + self.normalization.epsilon
            )
        # the rule for dark outliers is that for bright ones of the inverted image
        top, bottom = max(1.0, few_above), min(0.0, few_below)
        below, above = self.left_out[row]
        upper = top if above or largest > OUTLIER_FACTOR * top else math.inf
        lower = bottom if below or 1 - least > OUTLIER_FACTOR * (1 - bottom) else -math.inf
        return low, width, lower, upper


def _cuts(row: Row, epsilon: float) -> tuple[float, float]:
    """Return the values beyond which pixels are outliers."""
    low, width, lower, upper = row
    ends = 1 - OUTLIER_FACTOR * (1 - lower), OUTLIER_FACTOR * upper
    return low + ends[0] * (width + epsilon), low + ends[1] * (width + epsilon)


def _beyond(
    frames: Sequence[Frame], cuts: Sequence[tuple[float, float]], each: bool
) -> Job[NDArray[np.int64]]:
    """Count the pixels below the first and above the second cut, for each channel or in all."""
    counts = np.zeros((len(cuts), 2), np.int64)
    for progress, block in read_blocks(frames):
        for c, values in enumerate(block):
            row = c if each else 0
            low, high = cuts[row]
            counts[row] += (np.count_nonzero(values < low), np.count_nonzero(values > high))
        yield progress
    return counts


def _between(below: float, above: float, share: float) -> float:
    """Interpolate as ``numpy.percentile`` does, to the bit."""
    step = above - below
    return float(above - step * (1 - share) if share >= 0.5 else below + step * share)
