"""The tiles still to be done, which get smaller when memory runs out."""

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


class TileQueue:
    """Hands out tiles, cutting those that have become too large.

    What is done stays done: a tile is cut into tiles that write the same pixels.

    Parameters
    ----------
    plan
        The tiling of each frame.
    work
        The tiles to do, in order.
    limit
        Pixels a read window may have.
    """

    def __init__(self, plan: TilePlan, work: Sequence[Work], limit: float) -> None:
        self._plan = plan
        self._left = deque(work)
        self._limit = limit

    def take(self, n: int) -> list[Work]:
        """Return the next tiles, up to `n` of one shape; empty at the end."""
        taken: list[Work] = []
        while len(taken) < n and self._left:
            self._cut_first()
            if taken and self._left[0][1].shape != taken[0][1].shape:
                break
            taken.append(self._left.popleft())
        return taken

    def give_back(self, work: Sequence[Work]) -> None:
        """Put tiles back that were taken but not done."""
        self._left.extendleft(reversed(work))

    def shrink(self, failed: Tile) -> int:
        """From now on hand out only tiles smaller than one that did not fit.

        Returns
        -------
        int
            Tiles that may go through the network together: 1.

        Raises
        ------
        UserError
            When there are no smaller ones.
        """
        if not self._plan.split(failed):
            raise UserError(
                "There is not enough memory for this network",
                value=f"even a tile of {' × '.join(map(str, failed.shape))} pixels does not fit",
                rule="A tile must hold the context every pixel needs.",
                remedy="Close other programs, choose the CPU, or use a smaller network.",
            )
        self._limit = prod(failed.shape) - 1
        return 1

    def _cut_first(self) -> None:
        while prod(self._left[0][1].shape) > self._limit:
            frame, tile = self._left[0]
            parts = self._plan.split(tile)
            if not parts:
                return
            self._left.popleft()
            self._left.extendleft((frame, part) for part in reversed(parts))
