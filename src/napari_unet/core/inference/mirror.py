"""A model at work on an image and its mirror images, of whose outputs the mean is taken."""

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
    """Runs a model over frames and their mirror images: 4 of a plane, 8 of a volume.

    Each mirror image is predicted as an image of its own, tiles and all, so that the mean is exact
    where they are. One frame's outputs are held in memory, 4 bytes a value.
    """

    @property
    def passes(self) -> int:
        """How often each pixel is computed."""
        return 1 << self.spec.config.ndim

    def run(
        self,
        frames: Sequence[Frame],
        region: Box | None = None,
        affines: NormalizationStatistics | None = None,
    ) -> Job[None]:
        """Compute the mean outputs of some frames of one shape.

        Parameters
        ----------
        frames, region, affines
            As in `Predictor.run`.

        Yields
        ------
        Progress, Outputs
            As there, but the window is all of a frame, or of the region.

        Raises
        ------
        UserError
            As there.
        """
        # one measure for all mirror images: they hold the same pixels
        affines = affines or NormalizationStatistics(self.normalization, frames)
        shape = frames[0].shape
        box = region or tuple(slice(0, n) for n in shape)
        turns = list(product((False, True), repeat=len(shape)))
        total = len(frames) * len(turns)
        for i, frame in enumerate(frames):
            outputs = self.spec.config.out_channels
            mean = np.zeros((outputs, *(s.stop - s.start for s in box)), np.float32)
            for j, turn in enumerate(turns):
                done = i * len(turns) + j
                part = None if region is None else _turned(box, turn, shape)
                for step in super().run([_mirrored(frame, turn)], part, affines):
                    if isinstance(step, Outputs):
                        _add(mean, step, turn, box, shape)
                    yield Progress(done + step.fraction, total, step.note)
            mean /= len(turns)
            yield Outputs(
                done=(i + 1) * len(turns),
                total=total,
                note=frame.title,
                frame=frame,
                write=box,
                values=mean,
            )


class Mirrored:
    """An array that is read backwards along some axes.

    Parameters
    ----------
    data
        The array, possibly lazy.
    turned
        For each axis, whether it is backwards.
    """

    def __init__(self, data: Lazy, turned: Sequence[bool]) -> None:
        self._data, self._turned = data, turned
        self.shape = data.shape
        self.dtype = data.dtype

    def __getitem__(self, key: tuple[int | slice, ...]) -> NDArray[Any]:
        """Read a window: a number or a slice without step for each axis, numbers where not turned."""
        source: list[int | slice] = []
        flips: list[slice] = []
        for part, turned, n in zip(key, self._turned, self.shape, strict=True):
            if isinstance(part, slice):
                start, stop, _ = part.indices(n)
                part = slice(n - stop, n - start) if turned else slice(start, stop)
                flips.append(slice(None, None, -1 if turned else None))
            source.append(part)
        return np.asarray(self._data[tuple(source)])[tuple(flips)]


def _mirrored(frame: Frame, turn: Sequence[bool]) -> Frame:
    if not any(turn):
        return frame
    image = frame.image
    along = dict(zip(frame.spatial, turn, strict=True))
    data = Mirrored(image.data, [along.get(a, False) for a in image.axes])
    return replace(frame, image=replace(image, data=data))


def _turned(box: Box, turn: Sequence[bool], shape: Sequence[int]) -> Box:
    """Return where a window comes to lie in the mirror image; of that, where it was."""
    return tuple(
        slice(n - s.stop, n - s.start) if turned else s
        for s, turned, n in zip(box, turn, shape, strict=True)
    )


def _add(
    mean: NDArray[np.float32], maps: Outputs, turn: Sequence[bool], box: Box, shape: Sequence[int]
) -> None:
    where = _turned(maps.write, turn, shape)
    here = (slice(w.start - b.start, w.stop - b.start) for w, b in zip(where, box, strict=True))
    flip = (slice(None, None, -1 if turned else None) for turned in turn)
    mean[(slice(None), *here)] += maps.values[(slice(None), *flip)]
