"""Which planes or volumes of an image a run has finished, for one that is stopped."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_unet.core.image.axes import Image

WORDS = {"T": "time points", "Z": "planes"}
"""What frames along one axis are called; along several, or others: images."""


class FramesDone:
    """Counts the pixels that are written of each frame.

    Parameters
    ----------
    image
        The image.
    spatial
        Axes of a frame.
    twice
        Whether each pixel is written twice: as a class, and as a number once its frame is complete.
    """

    def __init__(self, image: Image, spatial: str, *, twice: bool) -> None:
        axes = image.label_axes
        self._along = [i for i, axis in enumerate(axes) if axis not in spatial]
        self._letters = [axes[i] for i in self._along]
        self._total = prod(image.sizes[a] for a in self._letters)
        self._wanted = prod(image.sizes[a] for a in axes if a in spatial) * (1 + twice)
        self._written: dict[tuple[int, ...], int] = {}

    def add(self, where: tuple[slice | int, ...], pixels: int) -> None:
        """Count a block, given its index in the labels."""
        frame = tuple(p if isinstance(p, int) else p.start for p in (where[i] for i in self._along))
        self._written[frame] = self._written.get(frame, 0) + pixels

    @property
    def done(self) -> list[list[int]]:
        """Where the finished frames are along the axes that are not their own."""
        return sorted(list(at) for at, n in self._written.items() if n >= self._wanted)

    def __str__(self) -> str:
        if self._total == 1:
            return "Cancelled. What is seen is a part."
        what = WORDS.get("".join(self._letters), "images")
        done = len(self.done)
        return f"Cancelled: {done} of {self._total} {what} are done, the others are not."
