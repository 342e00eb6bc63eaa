"""What a network sees in a small window of an image at a scale."""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import prod, sqrt
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_unet.core.diameter.field import SAMPLE_PIXELS, frame_of
from napari_unet.core.image.normalization import Normalization
from napari_unet.core.image.statistics import NormalizationStatistics, measure
from napari_unet.core.inference.outputs import Outputs
from napari_unet.core.model.object_options import ObjectOptions
from napari_unet.core.objects.diameters import (
    diameters,
    has_nets,
    mostly_cut,
    typical,
)
from napari_unet.core.objects.numbering import number, object_outputs
from napari_unet.core.progress import Progress, as_part, finish

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.core.diameter.field import Field
    from napari_unet.core.image.axes import Box
    from napari_unet.core.inference.predictor import Predictor
    from napari_unet.core.model.spec import ModelSpec
    from napari_unet.core.progress import Job

WINDOW_PIXELS = {2: 96**2, 3: 48**3}
"""Pixels that the network is shown at a scale, for planes and volumes …"""
WINDOW_SHARE, SMALLEST_WINDOW = 1 / 12, 64**2
"""… but of small planes such a share, and so many, so that the run takes little longer."""
SMALLEST_SEEN = 8.0
"""Diameter in pixels of the scale; in smaller objects the network sees no shape."""
SMALLEST_DIAMETER = 3.5
"""Diameter in pixels of the image; smaller objects can't be told from its noise."""
CERTAINTY = 0.8
"""Mean probability of the objects' pixels from which the network is certain of them."""
NOTE = "Estimating the diameter"


@dataclass(frozen=True, eq=False)
class Seen:
    """What the network saw in a window.

    Attributes
    ----------
    scale
        Pixels that it was shown for each of the image's, along X.
    window
        Where that is, in pixels of the scale.
    foreground
        Probability of each pixel of the window to be anything but background.
    diameters
        (n,) of the objects found, in pixels of the scale.
    certainty
        Mean probability of the objects' pixels; 0 without objects.
    seconds
        Time that the network took for a pixel.
    is_cut
        Whether the window cuts most of the objects.
    membranes
        Whether most of what was found are membranes.
    """

    scale: float
    window: Box
    foreground: NDArray[np.float32]
    diameters: NDArray[np.float64]
    certainty: float
    seconds: float
    is_cut: bool
    membranes: bool

    @property
    def usable(self) -> bool:
        """Whether the network is certain of objects that are neither noise nor without a shape."""
        least = max(SMALLEST_SEEN / self.scale, SMALLEST_DIAMETER)
        return self.certainty >= CERTAINTY and self.diameter >= least

    @property
    def diameter(self) -> float:
        """Typical diameter in pixels of the image; 0 without objects."""
        return typical(self.diameters) / self.scale if len(self.diameters) else 0.0


def window_pixels(field: Field) -> int:
    """Return how many pixels of a field the network is shown at a scale."""
    pixels = field.halves[0][0]
    most = WINDOW_PIXELS[pixels.ndim]
    return (
        most
        if pixels.ndim == 3
        else min(most, max(SMALLEST_WINDOW, int(pixels.size * WINDOW_SHARE)))
    )


def window_at(field: Field, scale: float, most: int, before: Seen | None = None) -> Box:
    """Return the window to look at.

    Parameters
    ----------
    field
        The part of the image that is looked at.
    scale
        Pixels that the network is shown for each of the image's, along X.
    most
        Pixels of the window.
    before
        What was seen at a coarser scale: the window is where most of that is foreground. None: the
        middle of the field.
    """
    shape = field.shape(scale)
    sides = list(shape)
    while prod(sides) > most:
        sides = [max(int(side * 0.97), 1) for side in sides]
    if before is None:
        return tuple(
            slice((n - s) // 2, (n - s) // 2 + s) for n, s in zip(shape, sides, strict=True)
        )
    old = before.foreground.shape
    grown = [n / m for n, m in zip(shape, field.shape(before.scale), strict=True)]
    size = [max(min(round(s / g), n), 1) for s, g, n in zip(sides, grown, old, strict=True)]
    share = ndimage.uniform_filter(before.foreground, size, mode="constant")
    centre = np.unravel_index(int(share.argmax()), old)
    starts = [
        min(max(round((w.start + c + 0.5) * g - s / 2), 0), n - s)
        for w, c, g, s, n in zip(before.window, centre, grown, sides, shape, strict=True)
    ]
    return tuple(slice(start, start + s) for start, s in zip(starts, sides, strict=True))


def see(field: Field, scale: float, window: Box, predictor: Predictor) -> Job[Seen]:
    """Show the network a window.

    Parameters
    ----------
    field
        The part of the image that is looked at.
    scale
        Pixels that the network is shown for each of the image's, along X.
    window
        The window, in pixels of the scale.
    predictor
        Runs the model.

    Yields
    ------
    Progress
        Often.
    """
    spec, spatial = predictor.spec, predictor.spec.axes
    pixels = field.at(scale, window)
    statistics = _statistics(field.at(min(scale, 1.0)), predictor.normalization, spatial)
    frame = frame_of(pixels, spatial)
    values = np.zeros((spec.config.out_channels, *frame.shape), np.float32)
    began = time.perf_counter()
    for step in predictor.run([frame], None, statistics):
        if isinstance(step, Outputs):
            values[(slice(None), *step.write)] = step.values
        yield Progress(0, 1, NOTE)
    seconds = (time.perf_counter() - began) / prod(frame.shape)
    foreground = _foreground(values, spec)
    options = ObjectOptions(foreground=spec.threshold, seed=spec.separation)
    labels = number(object_outputs(values, spec, options), spec, options, ()).astype(np.int32)
    membranes = spec.task != "objects" and has_nets(labels)
    found = labels > 0
    certainty = float(foreground[found].mean()) if found.any() else 0.0
    return Seen(
        scale,
        window,
        foreground,
        diameters(labels, spec.pixel_size),
        certainty,
        seconds,
        is_cut=mostly_cut(labels),
        membranes=membranes,
    )


def seconds_per_pixel(predictor: Predictor) -> Job[float]:
    """Measure how long the network takes for a pixel, on a small window.

    Yields
    ------
    Progress
        Often.
    """
    spec = predictor.spec
    side = round(WINDOW_PIXELS[spec.config.ndim] ** (1 / spec.config.ndim))
    pixels = np.zeros((spec.config.in_channels, *(side,) * spec.config.ndim), np.float32)
    frame = frame_of(pixels, spec.axes)
    statistics = NormalizationStatistics(Normalization(kind="linear"), [frame])
    # the network is only copied to its device in the first run
    began = 0.0
    for _ in range(2):
        began = time.perf_counter()
        yield from as_part(predictor.run([frame], None, statistics), 0, 1, share=0)
    return (time.perf_counter() - began) / prod(frame.shape)


def _statistics(
    pixels: NDArray[np.float32], normalization: Normalization, spatial: str
) -> NormalizationStatistics:
    """Return the normalisation at a scale of the field, which is normalised at its own scale already."""
    step = max(round(sqrt(pixels[0].size / SAMPLE_PIXELS)), 1)
    sample = frame_of(pixels[..., ::step, ::step], spatial)
    if normalization.kind not in ("percentile", "zscore"):
        return NormalizationStatistics(Normalization(kind="linear"), [sample])
    affine = finish(measure(normalization, [sample]))
    linear = Normalization(kind="linear", gain=affine.gain, offset=affine.offset, clip=affine.clip)
    return NormalizationStatistics(linear, [sample])


def _foreground(values: NDArray[np.float32], spec: ModelSpec) -> NDArray[np.float32]:
    """Return the probability of each pixel to be anything but background."""
    if spec.task == "objects":
        foreground = values[0]
    else:
        foreground = 1 - values[0] if spec.activation == "softmax" else values.max(axis=0)
    probability: NDArray[np.float32] = foreground
    return probability
