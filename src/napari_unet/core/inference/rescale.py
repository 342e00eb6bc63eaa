"""Rescaling an image to the scale of a model, and the outputs back to the pixels of the image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError
from napari_unet.core.image.frames import Frame
from napari_unet.core.image.resample import (
    ResamplingWeights,
    resample,
    resampled_image,
    window_of,
)
from napari_unet.core.image.scale import pixel_size_factors, rescaled_shape
from napari_unet.core.inference.assemble import FrameAssembler
from napari_unet.core.inference.outputs import Outputs
from napari_unet.core.progress import Job, Progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Box
    from napari_unet.core.image.statistics import NormalizationStatistics
    from napari_unet.core.inference.predictor import Predictor

STRIP_PIXELS = 1 << 22
"""Pixels of the outputs that are resampled at a time."""


@dataclass(frozen=True, eq=False)
class RescaledFrames:
    """Frames of an image, and the same frames at another scale.

    Attributes
    ----------
    originals
        The frames of the image.
    frames
        The rescaled frames, in the same order.
    """

    originals: list[Frame]
    frames: list[Frame]

    @classmethod
    def of(
        cls, originals: Sequence[Frame], pixel_size: Sequence[float], width: float | None = None
    ) -> RescaledFrames:
        """Rescale frames of an image to a pixel size, where that is necessary and possible.

        Parameters
        ----------
        originals
            The frames, all of one image.
        pixel_size, width
            As in `pixel_size_factors`.
        """
        image, spatial = originals[0].image, originals[0].spatial
        return cls.by(originals, pixel_size_factors(image, spatial, pixel_size, width))

    @classmethod
    def by(cls, originals: Sequence[Frame], factors: Sequence[float]) -> RescaledFrames:
        """Rescale frames of an image by factors, where these are not nearly 1.

        Parameters
        ----------
        originals
            The frames, all of one image.
        factors
            New pixels per old one along each axis of the frames; empty: they are not rescaled.
        """
        image, spatial = originals[0].image, originals[0].spatial
        shape = rescaled_shape(image, spatial, factors)
        if shape is None:
            return cls(list(originals), list(originals))
        rescaled = resampled_image(image, dict(zip(spatial, shape, strict=True)))
        frames = [Frame(rescaled, frame.index, frame.channels, spatial) for frame in originals]
        return cls(list(originals), frames)

    @property
    def unchanged(self) -> bool:
        """Whether the frames are not rescaled."""
        return self.frames[0] is self.originals[0]

    def within(self, region: Box) -> tuple[RescaledFrames, Box]:
        """Return the frames that a region of the labels touches, and its window in each of them.

        Parameters
        ----------
        region
            A slice for each axis of the labels.

        Raises
        ------
        UserError
            When the region holds no pixel of the image.
        """
        image = self.originals[0].image
        limits = {
            axis: range(*part.indices(image.sizes[axis]))
            for axis, part in zip(image.label_axes, region, strict=True)
        }
        inside = [
            i
            for i, frame in enumerate(self.originals)
            if all(position in limits[axis] for axis, position in frame.index.items())
        ]
        box = tuple(slice(limits[a].start, limits[a].stop) for a in self.originals[0].spatial)
        if not inside or any(s.start >= s.stop for s in box):
            raise UserError(
                "There is nothing to segment",
                value=f"region {region}",
                rule="The region must hold a pixel of the image.",
                remedy="Move the view over the image.",
            )
        originals, scaled = ([each[i] for i in inside] for each in (self.originals, self.frames))
        return replace(self, originals=originals, frames=scaled), box

    def run(
        self,
        predictor: Predictor,
        region: Box | None = None,
        statistics: NormalizationStatistics | None = None,
    ) -> Job[None]:
        """Compute the outputs of the rescaled frames, resampled to the original pixels.

        Parameters
        ----------
        predictor
            Runs the model.
        region
            Window of the original frames to compute; None: all of each frame.
        statistics
            Normalisation of the rescaled frames, in part or all measured before; None: it is measured.

        Yields
        ------
        Progress, Outputs
            As `Predictor.run`; where frames are rescaled, the windows of a frame once it is finished.

        Raises
        ------
        UserError
            As `Predictor.run`.
        """
        if self.unchanged:
            yield from predictor.run(self.originals, region, statistics)
            return
        old, new = self.frames[0].shape, self.originals[0].shape
        box = region or tuple(slice(0, n) for n in new)
        needed = window_of(box, old, new)
        assembler = FrameAssembler(self.frames, needed)
        for step in predictor.run(self.frames, None if region is None else needed, statistics):
            if not isinstance(step, Outputs):
                yield step
                continue
            i = assembler.add(step.frame, step.write, step.values)
            if assembler.is_complete(i):
                yield from self._resample_back(
                    assembler.pop(i), needed, self.originals[i], box, step
                )
            else:
                yield Progress(step.done, step.total, step.note)

    def _resample_back(
        self, values: NDArray[np.float32], needed: Box, frame: Frame, box: Box, step: Outputs
    ) -> Iterator[Outputs]:
        old, new = self.frames[0].shape, frame.shape
        for strip in _cut_into_strips(box):
            axes = zip(old, new, strip, strict=True)
            weights = [ResamplingWeights.of(a, b, s) for a, b, s in axes]
            part = tuple(
                slice(w.window.start - n.start, w.window.stop - n.start)
                for w, n in zip(weights, needed, strict=True)
            )
            yield Outputs(
                done=step.done,
                total=step.total,
                note=step.note,
                frame=frame,
                write=strip,
                values=resample(values[(slice(None), *part)], weights),
            )


def _cut_into_strips(box: Box) -> Iterator[Box]:
    """Cut a window along its first axis."""
    first, *others = box
    rows = max(STRIP_PIXELS // prod(s.stop - s.start for s in others), 1)
    for start in range(first.start, first.stop, rows):
        yield (slice(start, min(start + rows, first.stop)), *others)
