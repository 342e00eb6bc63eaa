"""The tiles still to be computed, which get smaller when memory runs out."""

from __future__ import annotations

from collections import deque
from math import prod
from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError
from napari_unet.core.image.frames import Frame
from napari_unet.core.tiling.plan import Tile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.tiling.plan import TilePlan

Work = tuple[Frame, Tile]
"""A tile of a frame."""


class TileQueue:
    """Hands out tiles, and splits those that have become too large.

    Finished tiles stay finished: a tile is split into tiles that write the same pixels.

    Parameters
    ----------
    plan
        The tiling of each frame.
    work
        The tiles to compute, in order.
    limit
        Largest number of pixels of a read window.
    """

    def __init__(self, plan: TilePlan, work: Sequence[Work], limit: float) -> None:
        self._plan = plan
        self._waiting = deque(work)
        self._limit = limit

    def take(self, n: int) -> list[Work]:
        """Take the next tiles out of the queue: up to `n` of the same shape, none at the end."""
        taken: list[Work] = []
        while len(taken) < n and self._waiting:
            self._split_first()
            if taken and self._waiting[0][1].shape != taken[0][1].shape:
                break
            taken.append(self._waiting.popleft())
        return taken

    def give_back(self, work: Sequence[Work]) -> None:
        """Put back tiles that were taken but not computed."""
        self._waiting.extendleft(reversed(work))

    def shrink(self, failed: Tile) -> int:
        """Hand out only tiles smaller than one that did not fit into memory, from now on.

        Parameters
        ----------
        failed
            The tile that did not fit.

        Returns
        -------
        int
            Number of tiles that may go through the network together: 1.

        Raises
        ------
        UserError
            When the tile can't be smaller.
        """
        if not self._plan.split(failed):
            raise UserError(
                "There is not enough memory for this network",
                value=f"even a tile of {' × '.join(map(str, failed.shape))} pixels does not fit",
                rule="A tile must hold the context that every pixel needs.",
                remedy="Close other programs, choose the CPU, or use a smaller network.",
            )
        self._limit = prod(failed.shape) - 1
        return 1

    def _split_first(self) -> None:
        while prod(self._waiting[0][1].shape) > self._limit:
            frame, tile = self._waiting[0]
            parts = self._plan.split(tile)
            if not parts:
                return
            self._waiting.popleft()
            self._waiting.extendleft((frame, part) for part in reversed(parts))
