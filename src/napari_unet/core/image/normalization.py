"""Intensity normalisation, measured over the whole frame or image, never over a tile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Normalization(BaseModel):
    """How pixel values are mapped to the range a network was trained on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["linear", "divide_255", "zscore", "percentile"] = Field(
        "percentile",
        title="Normalisation",
        description="linear: value*gain + offset; divide_255: value/255 if any value exceeds 1 (as "
        "Pytorch-UNet does); zscore: zero mean, unit variance; percentile: the two percentiles "
        "become 0 and 1.",
        json_schema_extra={
            "choices": [
                ["percentiles", "percentile"],
                ["zero mean", "zscore"],
                ["over 255", "divide_255"],
                ["none", "linear"],
            ]
        },
    )
    scope: Literal["frame", "image"] = Field(
        "frame",
        title="Measured over",
        description="frame: each plane (2-D network) or volume (3-D network) by itself; image: the "
        "whole stack at once.",
    )
    per_channel: bool = Field(True, title="Each channel by itself")
    gain: tuple[float, ...] = Field(
        (1.0,), title="Gain", description="linear only: one for all channels, or one for each."
    )
    offset: tuple[float, ...] = Field((0.0,), title="Offset", description="linear only.")
    low: float = Field(1.0, ge=0, lt=100, title="Low percentile")
    high: float = Field(99.8, gt=0, le=100, title="High percentile")
    epsilon: float = Field(
        1e-6,
        gt=0,
        title="Epsilon",
        description="Added to the divisor, so that a constant image works.",
    )
    clip: tuple[float, float] | None = Field(None, title="Clip the result to")

    def for_channels(self, n: int) -> Normalization:
        """Return a normalisation that fits a number of channels.

        Parameters
        ----------
        n
            Number of channels.

        Returns
        -------
        Normalization
            The same, except that gains or offsets for another number of channels are replaced by their
            mean.
        """
        means = {
            name: (float(np.mean(values)),)
            for name, values in (("gain", self.gain), ("offset", self.offset))
            if len(values) not in (1, n)
        }
        return self.model_copy(update=means)


@dataclass(frozen=True)
class AffineNormalization:
    """A measured normalisation: ``value * gain + offset`` for each channel, then clipped.

    Attributes
    ----------
    gain, offset
        A number for each channel.
    clip
        Lowest and highest value of the result; None: not clipped.
    limits
        Lowest and highest value for each channel, beyond which outliers lie; empty: there are none.
    """

    gain: tuple[float, ...]
    offset: tuple[float, ...]
    clip: tuple[float, float] | None = None
    limits: tuple[tuple[float, float], ...] = ()

    def __call__(self, block: NDArray[Any]) -> NDArray[np.float32]:
        """Normalise a block of pixels.

        Parameters
        ----------
        block
            The pixels, channels first, of any numeric dtype; NaN where one lacks data.

        Returns
        -------
        ndarray of float32
            The same shape; 0 where a pixel lacks data.
        """
        shape = (-1,) + (1,) * (block.ndim - 1)
        # float64: rounding the mean of large values to float32 would be visible to the network
        gain, offset = np.asarray(self.gain), np.asarray(self.offset)
        exact = block.dtype.kind in "iub" and block.dtype.itemsize <= 2
        work: NDArray[Any] = block.astype(
            np.float32 if exact or block.dtype == np.float32 else np.float64
        )
        # value*gain + offset = (value - centre)*gain + rest avoids cancellation for large values;
        # the rest is the error of rounding the centre to the type of the pixels
        centre = np.divide(-offset, gain, out=np.zeros_like(gain), where=gain != 0)
        centre = centre.astype(work.dtype).astype(np.float64)
        rest = offset + centre * gain
        # what overflows is brought back into the range of float32 below
        with np.errstate(over="ignore"):
            work -= centre.reshape(shape).astype(work.dtype)
            work *= gain.reshape(shape).astype(work.dtype)
            if rest.any():
                work += rest.reshape(shape).astype(work.dtype)
        self._bound(work)
        return work.astype(np.float32, copy=False)

    def _bound(self, work: NDArray[Any]) -> None:
        """Limit outliers, and give pixels without data the value 0."""
        for channel, limits in zip(work, self.limits, strict=False):
            np.clip(channel, *limits, out=channel)
        if self.clip is not None:
            np.clip(work, *self.clip, out=work)
        largest = float(np.finfo(np.float32).max)
        with np.errstate(invalid="ignore"):
            # false also where a value is NaN
            finite = -largest <= work.min(initial=0) and work.max(initial=0) <= largest
        if not finite:
            np.nan_to_num(work, copy=False, nan=0.0, posinf=largest, neginf=-largest)
            np.clip(work, -largest, largest, out=work)
