"""Rescaling an image to the pixel size of a model, and the outputs back to the pixels of the image."""

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

SAME_SIZE_FACTOR = 1.25
"""Pixel sizes that differ by less than this factor count as the same."""

MAX_FACTOR = 10.0
"""If pixel sizes differ by more than this factor, one of them must be wrong."""

STRIP_PIXELS = 1 << 22
"""Pixels of the outputs that are resampled at a time."""


def pixel_size_of(image: Image, spatial: str) -> tuple[float, ...]:
    """Return the pixel size of an image.

    Parameters
    ----------
    image
        The image.
    spatial
        The axes, ``"YX"`` or ``"ZYX"``.

    Returns
    -------
    tuple of float
        In micrometers along these axes; empty if the image does not state it.
    """
    micrometers = MICROMETERS.get(image.unit.lower())
    sizes = [image.scale.get(a, 0.0) for a in spatial]
    if micrometers is None or not all(0 < size < inf for size in sizes):
        return ()
    return tuple(size * micrometers for size in sizes)


def common_pixel_size(images: Sequence[Image], spatial: str) -> tuple[float, ...]:
    """Return the pixel size that images share.

    Parameters
    ----------
    images
        The images, at least one.
    spatial
        The axes, ``"YX"`` or ``"ZYX"``.

    Returns
    -------
    tuple of float
        That of the first image, in micrometers along these axes; empty if unknown or not the same.
    """
    sizes = [pixel_size_of(image, spatial) for image in images]
    first = sizes[0]
    alike = all(
        each and all(_is_same(a / b) for a, b in zip(each, first, strict=True)) for each in sizes
    )
    return first if alike else ()


def _is_same(factor: float) -> bool:
    return 1 / SAME_SIZE_FACTOR <= factor <= SAME_SIZE_FACTOR


def rescaled_shape(
    image: Image, spatial: str, pixel_size: Sequence[float], width: float | None = None
) -> tuple[int, ...] | None:
    """Return the spatial shape that an image has at another pixel size.

    Parameters
    ----------
    image
        The image.
    spatial
        ``"YX"`` or ``"ZYX"``.
    pixel_size
        The other pixel size, in micrometers along these axes; empty if unknown.
    width
        Width of the image's pixels in micrometers, whatever the image states; the other sides are taken
        to be in proportion to those of `pixel_size`. None: as the image states.

    Returns
    -------
    tuple of int or None
        None if the image should not be rescaled: a pixel size is unknown, they are nearly the same, or
        they differ so much that one must be wrong.
    """
    own = _own_size(image, spatial, pixel_size, width)
    if not own or not pixel_size:
        return None
    factors = [size / target for size, target in zip(own, pixel_size, strict=True)]
    plausible = all(1 / MAX_FACTOR <= f <= MAX_FACTOR for f in factors)
    if all(map(_is_same, factors)) or not plausible:
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
    """Frames of an image, and the same frames at another pixel size.

    Attributes
    ----------
    originals
        The frames of the image.
    frames
        The rescaled frames, in the same order.
    pixel_size_unknown
        Whether they are not rescaled because the image's pixel size is unknown.
    """

    originals: list[Frame]
    frames: list[Frame]
    pixel_size_unknown: bool = False

    @classmethod
    def of(
        cls, originals: Sequence[Frame], pixel_size: Sequence[float], width: float | None = None
    ) -> RescaledFrames:
        """Rescale frames of an image where that is necessary and possible.

        Parameters
        ----------
        originals
            The frames, all of one image.
        pixel_size, width
            As in `rescaled_shape`.
        """
        image, spatial = originals[0].image, originals[0].spatial
        shape = rescaled_shape(image, spatial, pixel_size, width)
        if shape is None:
            known = _own_size(image, spatial, pixel_size, width)
            unknown = bool(pixel_size) and not known
            return cls(list(originals), list(originals), pixel_size_unknown=unknown)
        sizes = image.sizes | dict(zip(spatial, shape, strict=True))
        scale = {a: s * image.sizes[a] / sizes[a] for a, s in image.scale.items() if a in sizes}
        data = Resampled(image.data, tuple(sizes[a] for a in image.axes), image.nodata)
        rescaled = Image(data, image.axes, scale, image.unit, image.name, image.channel_names)
        frames = [Frame(rescaled, frame.index, frame.channels, spatial) for frame in originals]
        return cls(list(originals), frames)

    @property
    def unchanged(self) -> bool:
        """Whether the frames are not rescaled."""
        return self.frames[0] is self.originals[0]

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
