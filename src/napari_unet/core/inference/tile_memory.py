"""Memory that a forward pass takes, and the tiles that fit into what is free."""

from __future__ import annotations

import itertools
from math import prod
from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError
from napari_unet.core.tiling.plan import TilePlan, count_for, shortest_tile, tile_length

if TYPE_CHECKING:
    from napari_unet.core.unet.config import UNetConfig


_SLACK = 1.3
"""Strips, convolution workspaces and what allocators round up: `benchmarks/memory.py` shows it."""


def inference_bytes_per_pixel(config: UNetConfig, itemsize: int, *, strips: bool = True) -> float:
    """Peak memory of a forward pass without gradients, per input pixel.

    Follows the tensors alive at every step: the skip connections waiting, the input and the output of
    the step at hand.

    Parameters
    ----------
    config
        The network.
    itemsize
        Bytes a number: 4 for float32, 2 for the 16-bit formats.
    strips
        Whether large convolutions run strip by strip, in which case the joined input of a decoder
        block never exists as a whole.
    """
    volume = [1 / prod(stride) for stride in config.level_strides]
    peak, waiting, width = 0.0, 0.0, config.in_channels
    for level, block in enumerate(config.encoder):
        for out in block:
            peak = max(peak, waiting + (width + out) * volume[level])
            width = out
        if level < config.depth:
            waiting += width * volume[level]
            peak = max(peak, waiting + width * volume[level + 1])
    for level in reversed(range(config.depth)):
        here, up, skip = volume[level], config.up_width(level), config.encoder[level][-1]
        # tile by tile, aligned upsampling holds the two neighbours of each number; not so in strips
        copies = 2.5 if config.upsampling == "linear_aligned" and not strips else 1.0
        peak = max(peak, waiting + width * volume[level + 1] + copies * up * here)
        waiting -= skip * here
        width = skip + up
        for i, out in enumerate(config.decoder[level]):
            if i == 0 and not strips:
                peak = max(peak, waiting + 2 * width * here)
            peak = max(peak, waiting + (width + out) * here)
            width = out
    peak = max(peak, width + 2 * config.out_channels)
    return peak * itemsize * _SLACK


def plan_tiles(
    size: tuple[int, ...], config: UNetConfig, pixels: float, tile: int | None = None
) -> TilePlan:
    """Choose the tiling that computes the fewest pixels with tiles of at most `pixels` pixels.

    Parameters
    ----------
    size
        Spatial shape of the frame to segment.
    config
        The network.
    pixels
        Largest read window, in pixels, that fits the memory.
    tile
        Side of the read windows if the user sets it, else None.

    Raises
    ------
    UserError
        When `tile` is too small for the network's halo.
    """
    stride, halo = config.total_stride, config.halo
    whole = TilePlan(size, stride, halo, (1,) * len(size))
    if tile is not None:
        return TilePlan(size, stride, halo, _counts_for(tile, whole))
    options = [_useful_counts(*axis) for axis in zip(whole.frame, stride, halo, strict=True)]
    plans = [TilePlan(size, stride, halo, counts) for counts in itertools.product(*options)]
    fitting = [plan for plan in plans if prod(plan.tile_shape) <= pixels]
    if not fitting:
        return min(plans, key=lambda plan: prod(plan.tile_shape))
    return min(fitting, key=lambda plan: (prod(plan.tile_shape) * plan.n_tiles, plan.n_tiles))


def _counts_for(tile: int, whole: TilePlan) -> tuple[int, ...]:
    axes = list(zip(whole.frame, whole.stride, whole.halo, strict=True))
    counts = tuple(count_for(*axis, tile) for axis in axes)
    if 0 in counts:
        least = max(shortest_tile(s, h) for _, s, h in axes)
        raise UserError(
            "The tile is too small for this network",
            value=f"{tile} pixels",
            rule=f"A tile must hold the context every pixel needs: at least {least} pixels here.",
            remedy="Leave the tile on 'auto', or choose a larger one.",
        )
    return counts


def _useful_counts(frame: int, stride: int, halo: int) -> list[int]:
    """Tile counts along an axis, leaving out those that shorten the tile no further."""
    found, shortest = [], frame + 1
    for count in range(1, frame // stride + 1):
        length = tile_length(frame, stride, halo, count)
        if length < shortest:
            found.append(count)
            shortest = length
        if length <= shortest_tile(stride, halo) or len(found) >= 64:
            break
    return found
