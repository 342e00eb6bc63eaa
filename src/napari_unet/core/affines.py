"""The measured normalisation of the frames of an image, each measured once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.core.normalize import Affine, Normalization, measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.axes import Frame
    from napari_unet.core.progress import Job


class Affines:
    """The measured normalisation of each frame, or one for all.

    Parameters
    ----------
    normalization
        What to measure.
    frames
        All frames of the image: with the scope ``"image"`` they share their statistics.
    """

    def __init__(self, normalization: Normalization, frames: Sequence[Frame]) -> None:
        self._normalization = normalization
        self._shared = frames if normalization.scope == "image" else None
        self._measured: dict[str, Affine] = {}

    def prepare(self, frame: Frame) -> Job[None]:
        """Measure what `frame` needs, unless that has been done."""
        if self._key(frame) not in self._measured:
            affine = yield from measure(self._normalization, self._shared or [frame])
            self._measured[self._key(frame)] = affine

    def __getitem__(self, frame: Frame) -> Affine:
        return self._measured[self._key(frame)]

    def _key(self, frame: Frame) -> str:
        return "" if self._shared else frame.title
