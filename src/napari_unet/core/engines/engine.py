"""What an engine is, and waiting for one that computes in the background."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from napari_unet.core.progress import Job, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from napari_unet.core.unet.network import Window

WAIT = 0.05
"""Seconds between two steps of progress while an engine computes."""


class Engine(Protocol):
    """Computes the logits of tiles with a network."""

    def run(self, x: Tensor, windows: Sequence[Window]) -> Job[Tensor]:
        """Compute the logits of some tiles of one shape.

        Parameters
        ----------
        x
            (N, in_channels, [Z,] Y, X) float32 on the CPU; sizes are multiples of the total stride.
        windows
            Position of each tile in its frame.

        Yields
        ------
        Progress
            As a fraction of 1. Closing the job between two steps stops the computation.

        Returns
        -------
        Tensor
            (N, out_channels, [Z,] Y, X).
        """
        ...


class Pace:
    """How fast an engine has been, from which the progress within a tile is estimated."""

    def __init__(self) -> None:
        self._seconds_per_pixel = 0.0

    def wait(self, ready: Callable[[float], bool], pixels: int) -> Job[None]:
        """Wait for a computation.

        Parameters
        ----------
        ready
            Waits for some seconds, and says whether the computation has ended.
        pixels
            Pixels that are computed.

        Yields
        ------
        Progress
            As a fraction of 1, every `WAIT` seconds.
        """
        start = time.perf_counter()
        while not ready(WAIT):
            seconds = time.perf_counter() - start
            expected = self._seconds_per_pixel * pixels or 2 * seconds
            yield Progress(min(seconds / expected, 0.95), 1.0)
        self._seconds_per_pixel = (time.perf_counter() - start) / pixels
