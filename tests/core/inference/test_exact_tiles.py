"""Tiles give what the whole image gives: at every pixel, for any network, image, tile and batch."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from examples import examples
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from networks import model_of, random_image

from napari_unet.core.device import Compute
from napari_unet.core.engines import torch_engine
from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image
from napari_unet.core.image.frames import frames
from napari_unet.core.inference import predictor as predict
from napari_unet.core.inference.outputs import Outputs
from napari_unet.core.inference.predictor import Predictor
from napari_unet.core.inference.tile_memory import plan_tiles
from napari_unet.core.unet import network
from napari_unet.core.unet.config import UNetConfig

CPU = Compute("cpu", "float32")
UPSAMPLINGS = ("transposed", "linear", "linear_aligned")
TOLERANCE = 1e-5


@st.composite
def configs(draw, ndim):
    depth = draw(st.integers(0, 4 if ndim == 2 else 2))
    upsampling = draw(st.sampled_from(UPSAMPLINGS))
    strides = st.sampled_from((1, 2, 3) if depth < 3 else (1, 2))
    return UNetConfig.classic(
        ndim=ndim,
        base=draw(st.integers(2, 4)),
        depth=depth,
        convolutions=draw(st.integers(1, 2)),
        in_channels=draw(st.integers(1, 2)),
        out_channels=draw(st.integers(1, 3)),
        strides=tuple(tuple(draw(strides) for _ in range(ndim)) for _ in range(depth)),
        norm=draw(st.sampled_from(("none", "batch"))),
        conv_bias=draw(st.booleans()),
        relu=draw(st.sampled_from(("every", "last"))),
        upsampling=upsampling,
        projection=upsampling != "transposed" and draw(st.booleans()),
    )


def whole(model, array):
    with torch.inference_mode():
        return model.network(torch.from_numpy(array)[None])[0].numpy()


def tiled(model, image, **options):
    predictor = Predictor(model, CPU, **options)
    channels = range(model.spec.config.in_channels)
    cut = frames(image, model.spec.axes, channels)
    assert len(cut) == 1
    out = np.full((model.spec.config.out_channels, *cut[0].shape), np.nan, dtype=np.float32)
    for progress in predictor.run(cut):
        if isinstance(progress, Outputs):
            target = out[(slice(None), *progress.write)]
            assert np.isnan(target).all(), "a pixel was written twice"
            target[:] = progress.values
    return out, predictor.plan(cut[0].shape)


def in_float64(model, array):
    network = copy.deepcopy(model.network).double()
    with torch.inference_mode():
        return network(torch.from_numpy(array)[None].double())[0].numpy()


def tolerance(expected):
    # rounding is of the size of what is summed, of the order of 1, however much of it cancels
    return TOLERANCE * max(np.abs(expected).max(), 0.1)


def is_exact(found, expected):
    assert not np.isnan(found).any(), "a pixel was not written"
    return np.abs(found - expected).max() <= tolerance(expected)


def assert_exact(found, expected):
    assert is_exact(found, expected)


def smallest_tile(config):
    return max(2 * -(-h // s) * s + s for h, s in zip(config.halo, config.total_stride))


@examples(60, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_2d_tiles_equal_the_whole_image(data):
    config = data.draw(configs(2))
    extra = data.draw(st.integers(0, 3 * config.total_stride[0]))
    tile = smallest_tile(config) + extra
    limit = min(2 * tile + 40, 400)
    shape = (config.in_channels, *(data.draw(st.integers(1, limit)) for _ in range(2)))
    check(config, "CYX", shape, tile, data.draw(st.sampled_from((1, 2, 5))))


@examples(25, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_3d_tiles_equal_the_whole_volume(data):
    config = data.draw(configs(3))
    tile = smallest_tile(config) + data.draw(st.integers(0, config.total_stride[0]))
    limit = min(tile + 30, 72)
    shape = (config.in_channels, *(data.draw(st.integers(1, limit)) for _ in range(3)))
    check(config, "CZYX", shape, tile, data.draw(st.sampled_from((1, 3))))


def check(config, axes, shape, tile, batch):
    model = model_of(config)
    array = random_image(shape)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(predict.MAX_BATCH_PIXELS, "cpu", batch * tile**config.ndim)
        patch.setitem(torch_engine.MAX_MACS_PER_STEP, "cpu", 2e5)
        found, _ = tiled(model, Image(array, axes), tile=tile)
    expected = whole(model, array)
    if not is_exact(found, expected):
        # Positions between pixels are rounded in float32, by torch itself: at single pixels on steep
        # edges the pass over the whole image is further from the true value than the tolerance.
        exact = in_float64(model, array)
        assert np.abs(found - exact).max() <= np.abs(expected - exact).max()
        assert np.mean(np.abs(found - expected) > tolerance(expected)) < 1e-4


@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
@pytest.mark.parametrize("shape", [(417, 533), (1, 700), (640, 3)])
def test_four_levels_and_many_tiles(upsampling, shape):
    config = UNetConfig.classic(base=4, upsampling=upsampling, projection=False)
    model = model_of(config)
    array = random_image((1, *shape))
    # of the smallest tiles there would be hundreds
    tile = smallest_tile(config) + 4 * config.total_stride[0]
    found, plan = tiled(model, Image(array, "CYX"), tile=tile)
    assert plan.n_tiles > 3
    assert_exact(found, whole(model, array))


def test_the_halo_is_needed():
    """The figures above would show an error: a halo one stride shorter breaks them."""
    config = UNetConfig.classic(base=4, norm="none")
    model = model_of(config)
    array = random_image((1, 64, 800))
    plan = plan_tiles((64, 800), config, 0, 208)
    short = replace(plan, halo=tuple(h - 16 for h in config.halo))
    reference = whole(model, array)
    for candidate, exact in ((plan, True), (short, False)):
        worst = 0.0
        for tile in candidate.tiles():
            part = whole(model, np.ascontiguousarray(array[(slice(None), *tile.read)]))
            error = part[(slice(None), *tile.crop)] - reference[(slice(None), *tile.write)]
            worst = max(worst, np.abs(error).max() / np.abs(reference).max())
        assert bool(worst <= TOLERANCE) is exact


@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
def test_a_region_equals_the_same_region_of_the_whole(upsampling):
    config = UNetConfig.classic(base=4, depth=3, upsampling=upsampling)
    model = model_of(config)
    array = random_image((1, 300, 410))
    cut = frames(Image(array, "CYX"), "YX", (0,))
    region = (slice(33, 150), slice(201, 407))
    maps = [p for p in Predictor(model, CPU).run(cut, region) if isinstance(p, Outputs)]
    assert [m.write for m in maps] == [region]
    assert_exact(maps[0].values, whole(model, array)[(slice(None), *region)])


@pytest.mark.parametrize("failures", [1, 3, 5])
def test_out_of_memory_keeps_what_is_done(failures, monkeypatch):
    config = UNetConfig.classic(base=4, depth=3)
    model = model_of(config)
    array = random_image((1, 500, 400))
    left = failures
    calls = []
    original = network.UNet.steps

    def steps(self, x, *args):
        nonlocal left
        calls.append(tuple(x.shape[2:]))
        if left and len(calls) > 2:
            left -= 1
            raise torch.OutOfMemoryError("injected")
        result = yield from original(self, x, *args)
        return result

    monkeypatch.setattr(network.UNet, "steps", steps)
    found, plan = tiled(model, Image(array, "CYX"), tile=256)
    assert left == 0
    assert plan.n_tiles > 3
    assert calls[0] == calls[1] == plan.tile_shape
    assert max(map(np.prod, calls[2 + failures :])) < np.prod(plan.tile_shape)
    monkeypatch.undo()
    assert_exact(found, whole(model, array))


def test_out_of_memory_for_good_is_said(monkeypatch):
    def steps(self, x, *args):
        raise torch.OutOfMemoryError("injected")
        yield

    monkeypatch.setattr(network.UNet, "steps", steps)
    model = model_of(UNetConfig.classic(base=4, depth=3))
    with pytest.raises(UserError, match="not enough memory"):
        tiled(model, Image(random_image((1, 300, 300)), "CYX"))


@pytest.mark.parametrize("norm", ["group", "instance"])
def test_networks_that_depend_on_the_tile_are_blended(norm):
    config = UNetConfig.classic(base=8, depth=2, norm=norm)
    model = model_of(config)
    assert not config.tiles_exactly
    array = random_image((1, 203, 170))
    one, plan = tiled(model, Image(array, "CYX"))
    assert plan.n_tiles == 1
    np.testing.assert_allclose(one, whole(model, array), atol=1e-4)
    many, plan = tiled(model, Image(array, "CYX"), tile=80)
    assert plan.n_tiles > 3
    # close, though not the same
    assert np.abs(many - one).mean() < 0.2 * np.abs(one).mean()
