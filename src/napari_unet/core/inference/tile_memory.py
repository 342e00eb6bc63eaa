"""The memory that a forward pass takes, and the tiles that fit into what is free."""

from __future__ import annotations

import itertools
from math import prod
from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError
from napari_unet.core.graph.config import LayerGraph
from napari_unet.core.tiling.plan import TilePlan, count_for, shortest_tile, tile_length

if TYPE_CHECKING:
    from napari_unet.core.device import Compute
    from napari_unet.core.model.architecture import Architecture
    from napari_unet.core.unet.config import UNetConfig


_OVERHEAD = 1.3
"""Factor for strips, convolution workspaces and rounding by allocators; see `benchmarks/memory.py`."""

_ALIGNED_COPIES = 2.5
"""Copies of its output that aligned upsampling needs without strips: two neighbours of each number."""

_GRAPH_OVERHEAD = 1.3
"""Factor for the copies in other layouts that engines make; see `benchmarks/memory.py`."""

_MAX_TILE_COUNTS = 64
"""Most tile counts that are tried along an axis."""


def inference_bytes_per_pixel(config: Architecture, itemsize: int, *, strips: bool = True) -> float:
    """Return the peak memory of a forward pass without gradients, in bytes per input pixel.

    Follows the tensors that are alive at each step: the skip connections that wait, and the input and
    output of the step.

    Parameters
    ----------
    config
        The network.
    itemsize
        Bytes per number: 4 for float32, 2 for the 16-bit formats.
    strips
        Whether large convolutions run in strips, so that the joined input of a decoder block never
        exists as a whole.
    """
    if isinstance(config, LayerGraph):
        return config.numbers_per_pixel() * itemsize * _OVERHEAD
    return _unet_numbers_per_pixel(config, strips) * itemsize * _OVERHEAD


def _unet_numbers_per_pixel(config: UNetConfig, strips: bool) -> float:
    """Return the most numbers that are held at once, per input pixel."""
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
        copies = _ALIGNED_COPIES if config.upsampling == "linear_aligned" and not strips else 1.0
        peak = max(peak, waiting + width * volume[level + 1] + copies * up * here)
        waiting -= skip * here
        width = skip + up
        for i, out in enumerate(config.decoder[level]):
            if i == 0 and not strips:
                peak = max(peak, waiting + 2 * width * here)
            peak = max(peak, waiting + (width + out) * here)
            width = out
    return max(peak, width + 2 * config.out_channels)


def graph_bytes_per_pixel(config: Architecture, compute: Compute) -> float:
    """Return the peak memory of a forward pass by OpenVINO or onnxruntime, in bytes per input pixel.

    Parameters
    ----------
    config
        The network.
    compute
        Engine and precision.
    """
    # in 8 bits a tile of each image is computed in 32 as well, and all are where that differs
    itemsize = 2 if compute.precision == "bfloat16" else 4
    return inference_bytes_per_pixel(config, itemsize, strips=False) * _GRAPH_OVERHEAD


def plan_tiles(
    size: tuple[int, ...], config: Architecture, pixels: float, tile: int | None = None
) -> TilePlan:
    """Choose the tiling that computes the fewest pixels with tiles of at most `pixels` pixels.

    Parameters
    ----------
    size
        Spatial shape of the frame to segment.
    config
        The network.
    pixels
        Largest read window, in pixels, that fits into memory.
    tile
        Side of the read windows in pixels, if the user sets it.

    Returns
    -------
    TilePlan
        Where no tile is that small, the one with the smallest tiles.

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
        shortest = max(shortest_tile(s, h) for _, s, h in axes)
        raise UserError(
            "The tile is too small for this network",
            value=f"{tile} pixels",
            rule=f"A tile must hold the context of every pixel: at least {shortest} pixels here.",
            remedy="Leave the tile size on 'auto', or choose a larger one.",
        )
    return counts


def _useful_counts(frame: int, stride: int, halo: int) -> list[int]:
    """Return tile counts along an axis, except those that do not make the tiles shorter."""
    counts, shortest = [], frame + 1
    for count in range(1, frame // stride + 1):
        length = tile_length(frame, stride, halo, count)
        if length < shortest:
            counts.append(count)
            shortest = length
        if length <= shortest_tile(stride, halo) or len(counts) >= _MAX_TILE_COUNTS:
            break
    return counts
