"""Collecting the windows of frames until a frame is complete."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Box
    from napari_unet.core.image.frames import Frame


class FrameAssembler:
    """Collects finished windows of some frames, in any order.

    Parameters
    ----------
    frames
        The frames.
    box
        The window of each frame that is wanted.
    """

    def __init__(self, frames: Sequence[Frame], box: Box) -> None:
        self._box = box
        self._shape = tuple(s.stop - s.start for s in box)
        self._numbers = {id(frame): i for i, frame in enumerate(frames)}
        self._values: dict[int, NDArray[Any]] = {}
        self._missing: dict[int, int] = {}

    def add(self, frame: Frame, write: Box, values: NDArray[Any]) -> int:
        r"""Add a window.

        Parameters
        ----------
        frame
            One of the frames.
        write
            The window, inside `box`; no pixel is added twice.
        values
            (channels, \*window).

        Returns
        -------
        int
            Number of the frame among the frames.
        """
        i = self._numbers[id(frame)]
        if i not in self._values:
            self._values[i] = np.zeros((len(values), *self._shape), values.dtype)
            self._missing[i] = prod(self._shape)
        inside = tuple(
            slice(w.start - b.start, w.stop - b.start)
            for w, b in zip(write, self._box, strict=True)
        )
        self._values[i][(slice(None), *inside)] = values
        self._missing[i] -= prod(values.shape[1:])
        return i

    def is_complete(self, i: int) -> bool:
        """Whether all of frame number `i` has been added, and it has not been popped."""
        return i in self._values and self._missing[i] == 0

    def pop(self, i: int) -> NDArray[Any]:
        r"""Return frame number `i`, (channels, \*box), and drop it."""
        return self._values.pop(i)
