"""Test-time augmentation: the mean output for an image and its mirror images."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.image.statistics import NormalizationStatistics
from napari_unet.core.inference.outputs import Outputs
from napari_unet.core.inference.predictor import Predictor
from napari_unet.core.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Box, Lazy
    from napari_unet.core.image.frames import Frame
    from napari_unet.core.progress import Job


class MirrorPredictor(Predictor):
    """Runs a model over frames and their mirror images: 4 for a plane, 8 for a volume.

    Each mirror image is predicted as an image of its own, with its own tiles, so the mean is exact where
    tiles are. The outputs of one frame are held in memory, 4 bytes per value.
    """

    @property
    def passes(self) -> int:
        """Number of passes over each pixel."""
        return 1 << self.spec.config.ndim

    def run(
        self,
        frames: Sequence[Frame],
        region: Box | None = None,
        statistics: NormalizationStatistics | None = None,
    ) -> Job[None]:
        """Compute the mean outputs of some frames of the same shape.

        Parameters
        ----------
        frames, region, statistics
            As in `Predictor.run`.

        Yields
        ------
        Progress, Outputs
            As `Predictor.run`, but with the whole frame, or region, as the window.

        Raises
        ------
        UserError
            As `Predictor.run`.
        """
        # measured once for all mirror images: they have the same pixels
        statistics = statistics or NormalizationStatistics(self.normalization, frames)
        shape = frames[0].shape
        box = region or tuple(slice(0, n) for n in shape)
        all_flips = list(product((False, True), repeat=len(shape)))
        total = len(frames) * len(all_flips)
        for i, frame in enumerate(frames):
            outputs = self.spec.config.out_channels
            mean = np.zeros((outputs, *(s.stop - s.start for s in box)), np.float32)
            for j, flips in enumerate(all_flips):
                done = i * len(all_flips) + j
                part = None if region is None else _mirrored_box(box, flips, shape)
                for step in super().run([_mirrored_frame(frame, flips)], part, statistics):
                    if isinstance(step, Outputs):
                        _add(mean, step, flips, box, shape)
                    yield Progress(done + step.fraction, total, step.note)
            mean /= len(all_flips)
            yield Outputs(
                done=(i + 1) * len(all_flips),
                total=total,
                note=frame.title,
                frame=frame,
                write=box,
                values=mean,
            )


class Mirrored:
    """An array mirrored along some axes; windows are mirrored when they are read.

    Parameters
    ----------
    data
        The array, possibly lazy.
    flips
        For each axis, whether it is mirrored.
    """

    def __init__(self, data: Lazy, flips: Sequence[bool]) -> None:
        self._data, self._flips = data, flips
        self.shape = data.shape
        self.dtype = data.dtype

    def __getitem__(self, key: tuple[int | slice, ...]) -> NDArray[Any]:
        """Read a window.

        Parameters
        ----------
        key
            For each axis a slice without step, or a number where the axis is not mirrored.
        """
        source: list[int | slice] = []
        steps: list[slice] = []
        for part, flip, n in zip(key, self._flips, self.shape, strict=True):
            if isinstance(part, slice):
                start, stop, _ = part.indices(n)
                part = slice(n - stop, n - start) if flip else slice(start, stop)
                steps.append(slice(None, None, -1 if flip else None))
            source.append(part)
        return np.asarray(self._data[tuple(source)])[tuple(steps)]


def _mirrored_frame(frame: Frame, flips: Sequence[bool]) -> Frame:
    if not any(flips):
        return frame
    image = frame.image
    flip_of = dict(zip(frame.spatial, flips, strict=True))
    data = Mirrored(image.data, [flip_of.get(a, False) for a in image.axes])
    return replace(frame, image=replace(image, data=data))


def _mirrored_box(box: Box, flips: Sequence[bool], shape: Sequence[int]) -> Box:
    """Return the same window in the mirror image, or that of the mirror image in the frame."""
    return tuple(
        slice(n - s.stop, n - s.start) if flip else s
        for s, flip, n in zip(box, flips, shape, strict=True)
    )


def _add(
    total: NDArray[np.float32],
    outputs: Outputs,
    flips: Sequence[bool],
    box: Box,
    shape: Sequence[int],
) -> None:
    """Add the outputs of a mirror image to the sum over all of them."""
    window = _mirrored_box(outputs.write, flips, shape)
    inside = (slice(w.start - b.start, w.stop - b.start) for w, b in zip(window, box, strict=True))
    steps = (slice(None, None, -1 if flip else None) for flip in flips)
    total[(slice(None), *inside)] += outputs.values[(slice(None), *steps)]
