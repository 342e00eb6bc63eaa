"""Geometry of the tiles."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
import torch
from examples import examples
from hypothesis import assume, given
from hypothesis import strategies as st

from napari_unet.core.errors import UserError
from napari_unet.core.inference.tile_memory import inference_bytes_per_pixel, plan_tiles
from napari_unet.core.progress import finish
from napari_unet.core.tiling.plan import TilePlan, count_for, mirror_indices, tile_length
from napari_unet.core.training.traced_memory import LiveMemory
from napari_unet.core.unet.config import UNetConfig
from napari_unet.core.unet.network import UNet


@st.composite
def plans(draw):
    ndim = draw(st.sampled_from((1, 2, 3)))
    stride = tuple(draw(st.sampled_from((1, 2, 4, 6, 16))) for _ in range(ndim))
    halo = tuple(draw(st.integers(0, 40)) for _ in range(ndim))
    size = tuple(draw(st.integers(1, 300 if ndim < 3 else 90)) for _ in range(ndim))
    counts = []
    for n, s, h in zip(size, stride, halo):
        frame = -(-n // s) * s
        length = tile_length(frame, s, h, draw(st.integers(1, max(1, n // s))))
        counts.append(count_for(frame, s, h, length))
    counts = tuple(counts)
    assume(prod(counts) < 4000)
    return TilePlan(size, stride, halo, counts)


def assert_has_context(plan, tile):
    for axis, (read, write) in enumerate(zip(tile.read, tile.write)):
        assert 0 <= read.start <= write.start < write.stop <= read.stop <= plan.frame[axis]
        assert read.start % plan.stride[axis] == 0
        assert read.stop % plan.stride[axis] == 0
        assert read.start == 0 or write.start - read.start >= plan.halo[axis]
        assert write.start % plan.stride[axis] == 0
        # the last block of the grid that is written, whole
        end = -(-write.stop // plan.stride[axis]) * plan.stride[axis]
        assert read.stop == plan.frame[axis] or read.stop - end >= plan.halo[axis]


@examples(300)
@given(plan=plans())
def test_tiles_cover_the_image_once_with_enough_context(plan):
    times = np.zeros(plan.size, dtype=int)
    for tile in plan.tiles():
        assert tile.shape == plan.tile_shape
        assert_has_context(plan, tile)
        times[tile.write] += 1
    assert (times == 1).all()


@examples(200)
@given(plan=plans())
def test_splitting_keeps_the_pixels_and_their_context(plan):
    tile = next(iter(plan.tiles()))
    while parts := plan.split(tile):
        times = np.zeros(plan.size, dtype=int)
        for part in parts:
            assert_has_context(plan, part)
            assert prod(part.shape) < prod(tile.shape)
            times[part.write] += 1
        assert (times[tile.write] == 1).all()
        assert times.sum() == tile.pixels
        tile = parts[-1]


@examples(100)
@given(size=st.integers(1, 50), start=st.integers(-200, 200), length=st.integers(0, 300))
def test_mirror_is_numpys_reflection(size, start, length):
    reach = 501
    reflected = np.pad(np.arange(size), reach, mode="reflect" if size > 1 else "edge")
    expected = reflected[reach + start : reach + start + length]
    assert (mirror_indices(start, start + length, size) == expected).all()


@examples(60)
@given(
    size=st.tuples(st.integers(1, 3000), st.integers(1, 3000)),
    pixels=st.integers(1, 3000**2),
)
def test_the_planner_stays_within_the_memory_if_it_can(size, pixels):
    config = UNetConfig.classic(base=4)
    plan = plan_tiles(size, config, pixels)
    smallest = prod(min(208, n) for n in plan.frame)
    assert prod(plan.tile_shape) <= max(pixels, smallest)
    if prod(plan.frame) <= pixels:
        assert plan.n_tiles == 1


def test_the_planner_computes_least():
    config = UNetConfig.classic(base=4)
    plan = plan_tiles((2048, 2048), config, 700 * 2048)
    # four strips of whole rows waste less on halo than any squares that fit
    computed = prod(plan.tile_shape) * plan.n_tiles
    assert computed <= 4 * 656 * 2048
    assert plan.halo_share < 0.25


def test_a_tile_that_is_too_small_is_refused():
    with pytest.raises(UserError, match="at least 208"):
        plan_tiles((500, 500), UNetConfig.classic(base=4), 1e9, tile=64)
    whole = plan_tiles((50, 60), UNetConfig.classic(base=4), 1e9, tile=64)
    assert whole.n_tiles == 1


@pytest.mark.each_value
@pytest.mark.parametrize("upsampling", ["transposed", "linear", "linear_aligned"])
@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("strips", [True, False])
def test_planned_memory_covers_the_tensors_of_a_pass(upsampling, ndim, strips):
    config = UNetConfig.classic(
        ndim=ndim, base=16, depth=3, out_channels=2, norm="none", upsampling=upsampling
    )
    side = 1024 if ndim == 2 else 128
    with torch.device("meta"):
        network, x = UNet(config), torch.empty(1, 1, *(side,) * ndim)
    with torch.inference_mode(), LiveMemory() as memory:
        finish(network.steps(x, None, 1e8 if strips else None))
    planned = inference_bytes_per_pixel(config, 4, strips=strips) * side**ndim
    assert memory.peak <= planned <= 1.5 * memory.peak
