"""The pixels that an output pixel of a U-Net depends on, along one axis and far from the borders."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

KERNEL = 3
"""Side of every convolution except the 1×1 ones."""


@dataclass(frozen=True)
class ReceptiveField:
    """The receptive field of a U-Net along one axis; levels are listed from the finest.

    Attributes
    ----------
    encoder, decoder
        Number of convolutions on each level; the encoder has one level more, the bottleneck.
    strides
        Pooling factor from each level to the next.
    linear
        Whether upsampling is linear, and so reaches one pixel further than a transposed convolution.
    """

    encoder: tuple[int, ...]
    decoder: tuple[int, ...]
    strides: tuple[int, ...]
    linear: bool

    @property
    def radius(self) -> int:
        """Largest distance, in pixels, between an output pixel and an input pixel it depends on."""
        intervals = enumerate(self._intervals())
        return max(max(p - low, high - p) for p, (low, high) in intervals)

    @property
    def halo(self) -> int:
        """Context, in pixels, of an output window that starts and ends on the pooling grid.

        Less than the radius: the pixels nearest to the edge of such a window reach least beyond it.
        """
        intervals = self._intervals()
        return max(max(-low, high - (len(intervals) - 1)) for low, high in intervals)

    def _intervals(self) -> list[tuple[int, int]]:
        """Return the intervals of all positions in one period of the pooling grid."""
        return [self.interval(p) for p in range(prod(self.strides))]

    def interval(self, position: int) -> tuple[int, int]:
        """Return the first and the last input pixel that an output pixel depends on."""
        reach = KERNEL // 2
        skips = []
        low = high = position
        for convolutions, stride in zip(self.decoder, self.strides, strict=True):
            low, high = low - reach * convolutions, high + reach * convolutions
            skips.append((low, high))
            if self.linear and stride > 1:
                low, high = (low - stride + 1) // stride, -(-high // stride)
            else:
                low, high = low // stride, high // stride
        skips.append((low, high))
        for level, convolutions in reversed(list(enumerate(self.encoder))):
            if level < len(self.strides):
                stride = self.strides[level]
                low, high = low * stride, high * stride + stride - 1
            low, high = min(low, skips[level][0]), max(high, skips[level][1])
            low, high = low - reach * convolutions, high + reach * convolutions
        return low, high
