"""A part of a frame of bounded size, to be seen at several scales."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.image.axes import Image
from napari_unet.core.image.frames import Frame
from napari_unet.core.image.percentiles import OUTLIER_FACTOR
from napari_unet.core.image.resample import Resampled
from napari_unet.core.image.statistics import measure
from napari_unet.core.progress import finish

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Box
    from napari_unet.core.image.normalization import Normalization

FIELD_PIXELS = 1 << 21
"""Pixels that are read at a time."""
SAMPLE_PIXELS = 1 << 17
"""Pixels that tell the normalisation."""


@dataclass(frozen=True, eq=False)
class Field:
    r"""Pixels of a part of a frame.

    Attributes
    ----------
    halves
        (channels, \*spatial) float32 each: the pixels, normalised, and the same again and again at half
        the scale.
    proportions
        Along each axis, how much longer the pixels are than the network's, relative to X.
    """

    halves: list[NDArray[np.float32]]
    proportions: tuple[float, ...]

    @classmethod
    def read(
        cls, frame: Frame, proportions: Sequence[float], normalization: Normalization
    ) -> Field:
        """Read the part of a frame that shows most; all of a small one.

        Parameters
        ----------
        frame
            The plane or volume.
        proportions
            As the attribute.
        normalization
            Of the intensities; outliers are limited, and pixels without data become 0.

        Raises
        ------
        UserError
            When the normalisation does not fit the channels.
        """
        parts = [frame.read(box) for box in _windows(frame.shape)]
        step = max(sum(part[0].size for part in parts) // SAMPLE_PIXELS, 1)
        sample = np.concatenate([part.reshape(len(part), -1)[:, ::step] for part in parts], axis=1)
        affine = finish(measure(normalization, [frame_of(sample[:, None], "YX")]))
        # an outlier that the sample misses would vary most of all
        low, high = _usual_range(affine(sample), frame.spatial)
        pyramids = [_halves(np.clip(affine(part), low, high)) for part in parts]
        # where it varies most on a coarse scale, which noise does not
        best = max(pyramids, key=lambda halves: float(halves[min(3, len(halves) - 1)].std()))
        return cls(best, tuple(proportions))

    def shape(self, scale: float) -> tuple[int, ...]:
        """Return the spatial shape at a scale, 1 being that of the frame along X."""
        sizes = zip(self.halves[0].shape[1:], self.proportions, strict=True)
        return tuple(max(round(n * scale * p), 1) for n, p in sizes)

    def at(self, scale: float, box: Box | None = None) -> NDArray[np.float32]:
        """Return the pixels at a scale: all, or a window."""
        shape = self.shape(scale)
        box = box or tuple(slice(0, n) for n in shape)
        fits = (h for h in reversed(self.halves) if h.shape[-1] >= shape[-1])
        pixels = _shrunk(next(fits, self.halves[0]), shape)
        if pixels.shape[1:] == shape:
            return pixels[(slice(None), *box)]
        made = Resampled(pixels, (len(pixels), *shape))
        return made[(slice(0, len(pixels)), *box)]


def _usual_range(
    sample: NDArray[np.float32], spatial: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the values beyond which only outliers lie, for each channel, by the rule of percentiles."""
    shape = (-1, *(1 for _ in spatial))
    top = OUTLIER_FACTOR * np.maximum(sample.max(axis=1), 1)
    bottom = 1 - OUTLIER_FACTOR * (1 - np.minimum(sample.min(axis=1), 0))
    return bottom.reshape(shape), top.reshape(shape)


def frame_of(pixels: NDArray[Any], spatial: str) -> Frame:
    """Return pixels, channels first, as a frame."""
    return Frame(Image(pixels, f"C{spatial}"), {}, tuple(range(len(pixels))), spatial)


def _windows(shape: Sequence[int]) -> Iterator[Box]:
    """Return the whole of a small shape; of a large one, its middle and four windows around it."""
    sides = list(shape)
    while prod(sides) > FIELD_PIXELS:
        sides[int(np.argmax(sides))] //= 2
    # along Z the middle is enough
    large = [
        a >= len(shape) - 2 and n > s for a, (n, s) in enumerate(zip(shape, sides, strict=True))
    ]
    for places in [(0.5,) * len(shape), *product(*((0.1, 0.9) if a else (0.5,) for a in large))]:
        starts = [int((n - s) * at) for n, s, at in zip(shape, sides, places, strict=True)]
        yield tuple(slice(start, start + s) for start, s in zip(starts, sides, strict=True))
        if not any(large):
            return


def _halves(pixels: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    made = [pixels]
    while min(made[-1].shape[-2:]) >= 16:
        made.append(_paired(_paired(made[-1], -1), -2))
    return made


def _shrunk(pixels: NDArray[np.float32], shape: Sequence[int]) -> NDArray[np.float32]:
    """Average pairs of pixels along each axis on which twice as many are there as needed."""
    for axis, n in enumerate(shape, 1):
        while pixels.shape[axis] >= 2 * n:
            pixels = _paired(pixels, axis)
    return pixels


def _paired(pixels: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    lines: NDArray[Any] = np.moveaxis(pixels, axis, 0)
    n = len(lines) // 2 * 2
    return np.moveaxis((lines[0:n:2] + lines[1:n:2]) * np.float32(0.5), 0, axis)
