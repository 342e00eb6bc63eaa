"""An image at the pixel size its model was trained with, and outputs on the image's own pixels."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, prod
from typing import TYPE_CHECKING

from napari_unet.core.image.axes import MICROMETERS, Image
from napari_unet.core.image.frames import Frame
from napari_unet.core.image.resample import Resampled, ResamplingWeights, resample, window_of
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

NEAR = 1.25
"""Pixel sizes that differ by less than this factor are taken to be the same."""
FAR = 10.0
"""One of two pixel sizes that differ by more than this factor is taken to be wrong."""
STRIP = 1 << 22
"""Pixels of outputs that are made at a time."""


def pixel_size_of(image: Image, spatial: str) -> tuple[float, ...]:
    """Return the pixel size along some axes in micrometers; empty if the image does not tell it."""
    micrometers = MICROMETERS.get(image.unit.lower())
    sizes = [image.scale.get(a, 0.0) for a in spatial]
    if micrometers is None or not all(0 < size < inf for size in sizes):
        return ()
    return tuple(size * micrometers for size in sizes)


def common_pixel_size(images: Sequence[Image], spatial: str) -> tuple[float, ...]:
    """Return the pixel size in micrometers that images share; empty if unknown, or they differ."""
    sizes = [pixel_size_of(image, spatial) for image in images]
    first = sizes[0]
    alike = all(
        each and all(_near(a / b) for a, b in zip(each, first, strict=True)) for each in sizes
    )
    return first if alike else ()


def _near(factor: float) -> bool:
    return 1 / NEAR <= factor <= NEAR


def rescaled_shape(
    image: Image, spatial: str, pixel_size: Sequence[float], width: float | None = None
) -> tuple[int, ...] | None:
    """Return the spatial shape an image has at a pixel size.

    Parameters
    ----------
    image
        The image.
    spatial
        ``"YX"`` or ``"ZYX"``.
    pixel_size
        In micrometers along these axes; empty if unknown.
    width
        Width of the image's own pixels in micrometers, whatever it states; voxels are taken to have
        the shape of those at that pixel size. None: as it states.

    Returns
    -------
    tuple or None
        None where it is not to be rescaled: one of the sizes is not known, they are nearly the same, or
        so different that one of them must be wrong.
    """
    own = _own_size(image, spatial, pixel_size, width)
    if not own or not pixel_size:
        return None
    factors = [mine / wanted for mine, wanted in zip(own, pixel_size, strict=True)]
    if all(map(_near, factors)) or not all(1 / FAR <= f <= FAR for f in factors):
        return None
    return tuple(max(round(image.sizes[a] * f), 1) for a, f in zip(spatial, factors, strict=True))


def _own_size(
    image: Image, spatial: str, pixel_size: Sequence[float], width: float | None
) -> tuple[float, ...]:
    if width is None:
        return pixel_size_of(image, spatial)
    return tuple(size * width / pixel_size[-1] for size in pixel_size)


@dataclass(frozen=True, eq=False)
class RescaledFrames:
    """Frames of an image, and the same at another pixel size.

    Attributes
    ----------
    originals
        The image's own frames.
    frames
        The rescaled ones, in their order.
    pixel_size_unknown
        Whether they were left as they are because their own pixel size is not known.
    """

    originals: list[Frame]
    frames: list[Frame]
    pixel_size_unknown: bool = False

    @classmethod
    def of(
        cls, cut: Sequence[Frame], pixel_size: Sequence[float], width: float | None = None
    ) -> RescaledFrames:
        """Rescale some frames of one image, or leave them as they are.

        Parameters
        ----------
        cut
            The frames.
        pixel_size, width
            As in `rescaled_shape`.
        """
        image, spatial = cut[0].image, cut[0].spatial
        shape = rescaled_shape(image, spatial, pixel_size, width)
        if shape is None:
            known = _own_size(image, spatial, pixel_size, width)
            return cls(list(cut), list(cut), pixel_size_unknown=bool(pixel_size) and not known)
        sizes = image.sizes | dict(zip(spatial, shape, strict=True))
        scale = {a: s * image.sizes[a] / sizes[a] for a, s in image.scale.items() if a in sizes}
        data = Resampled(image.data, tuple(sizes[a] for a in image.axes))
        there = Image(data, image.axes, scale, image.unit, image.name, image.channel_names)
        frames = [Frame(there, frame.index, frame.channels, spatial) for frame in cut]
        return cls(list(cut), frames)

    @property
    def unchanged(self) -> bool:
        """Whether they were left as they are."""
        return self.frames[0] is self.originals[0]

    def run(
        self,
        predictor: Predictor,
        region: Box | None = None,
        affines: NormalizationStatistics | None = None,
    ) -> Job[None]:
        """Compute the outputs of the rescaled frames, and give them on the pixels of the own ones.

        Parameters
        ----------
        predictor
            The model at work.
        region
            Window of the own frames to which the computing is confined.
        affines
            Where the normalisation of the rescaled frames has been measured before; None: it is
            measured.

        Yields
        ------
        Progress, Outputs
            As `Predictor.run`, windows of a frame once it is finished.

        Raises
        ------
        UserError
            As there.
        """
        if self.unchanged:
            yield from predictor.run(self.originals, region, affines)
            return
        old, new = self.frames[0].shape, self.originals[0].shape
        box = region or tuple(slice(0, n) for n in new)
        needed = window_of(box, old, new)
        gather = FrameAssembler(self.frames, needed)
        for step in predictor.run(self.frames, None if region is None else needed, affines):
            if not isinstance(step, Outputs):
                yield step
                continue
            i = gather.add(step.frame, step.write, step.values)
            if gather.is_complete(i):
                yield from self._back(gather.pop(i), needed, self.originals[i], box, step)
            else:
                yield Progress(step.done, step.total, step.note)

    def _back(
        self, values: NDArray[np.float32], needed: Box, frame: Frame, box: Box, step: Outputs
    ) -> Iterator[Outputs]:
        old, new = self.frames[0].shape, frame.shape
        for strip in _strips(box):
            taps = [ResamplingWeights.of(a, b, s) for a, b, s in zip(old, new, strip, strict=True)]
            part = tuple(
                slice(t.window.start - n.start, t.window.stop - n.start)
                for t, n in zip(taps, needed, strict=True)
            )
            made = resample(values[(slice(None), *part)], taps)
            yield Outputs(
                done=step.done,
                total=step.total,
                note=step.note,
                frame=frame,
                write=strip,
                values=made,
            )


def _strips(box: Box) -> Iterator[Box]:
    """Cut a window along its first axis."""
    first, *others = box
    rows = max(STRIP // prod(s.stop - s.start for s in others), 1)
    for start in range(first.start, first.stop, rows):
        yield (slice(start, min(start + rows, first.stop)), *others)
