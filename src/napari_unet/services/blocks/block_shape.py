"""How large blocks are."""

from __future__ import annotations

from math import ceil, prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.services.segmentation.prepare import PreparedRun

MOST_PIXELS = 4_000_000
"""Pixels of the largest block with its halo, however much memory is free."""
GRAIN = {2: 64, 3: 16}
"""The side of a block is a multiple of this, so that chunks divide it."""


def choose_block(run: PreparedRun, side: int | None) -> tuple[int, ...]:
    """Return the shape of the blocks: with its halo, one is a tile that fits into memory.

    Parameters
    ----------
    run
        What is computed.
    side
        Of the blocks, if it was set.
    """
    shape = run.frames[0].shape
    grain = GRAIN[len(shape)]
    if side is not None:
        return tuple(min(ceil(side / grain) * grain, n) for n in shape)
    limit = min(run.predictor.pixels, MOST_PIXELS)
    best = grain
    while best < max(shape):
        wider = tuple(min(best + grain, n) for n in shape)
        if max(pixels_seen(run, wider), prod(wider)) > limit:
            break
        best += grain
    return tuple(min(best, n) for n in shape)


def pixels_seen(run: PreparedRun, block: Sequence[int]) -> float:
    """Return the pixels of a block with its halo, as the network is shown it."""
    plan = run.predictor.plan(run.rescaled.frames[0].shape)
    sides = zip(
        block,
        run.frames[0].shape,
        run.rescaled.frames[0].shape,
        plan.halo,
        plan.stride,
        plan.frame,
        strict=True,
    )
    seen: float = prod(
        min(n * shown / length + 2 * (halo + stride), frame)
        for n, length, shown, halo, stride, frame in sides
    )
    return seen
