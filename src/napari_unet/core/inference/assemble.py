"""Windows of frames, put together until a frame is whole."""

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
    """Collects finished windows of some frames, in whatever order they come.

    Parameters
    ----------
    frames
        The frames.
    box
        The window of each that is wanted.
    """

    def __init__(self, frames: Sequence[Frame], box: Box) -> None:
        self._box = box
        self._shape = tuple(s.stop - s.start for s in box)
        self._places = {id(frame): i for i, frame in enumerate(frames)}
        self._held: dict[int, NDArray[Any]] = {}
        self._missing: dict[int, int] = {}

    def add(self, frame: Frame, write: Box, values: NDArray[Any]) -> int:
        """Take in a window, channels first, and return the number of its frame."""
        i = self._places[id(frame)]
        if i not in self._held:
            self._held[i] = np.zeros((len(values), *self._shape), values.dtype)
            self._missing[i] = prod(self._shape)
        here = tuple(
            slice(w.start - b.start, w.stop - b.start)
            for w, b in zip(write, self._box, strict=True)
        )
        self._held[i][(slice(None), *here)] = values
        self._missing[i] -= prod(values.shape[1:])
        return i

    def is_complete(self, i: int) -> bool:
        """Whether a frame is whole and has not been taken."""
        return i in self._held and self._missing[i] == 0

    def pop(self, i: int) -> NDArray[Any]:
        """Return what was gathered of a frame, and let go of it."""
        return self._held.pop(i)
