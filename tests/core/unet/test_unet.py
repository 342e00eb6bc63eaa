"""The network: sizes, receptive field, parameters, steps."""

from __future__ import annotations

import itertools

import pytest
import torch
from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from networks import strong_network
from pydantic import ValidationError

from napari_unet.core.unet.config import UNetConfig
from napari_unet.core.unet.fuse import fuse_batch_norm
from napari_unet.core.unet.network import UNet
from napari_unet.core.unet.upsample import upsample

UPSAMPLINGS = ("transposed", "linear", "linear_aligned")


@examples(30)
@given(
    ndim=st.sampled_from((2, 3)),
    upsampling=st.sampled_from(UPSAMPLINGS),
    norm=st.sampled_from(("none", "batch", "group", "instance")),
    sizes=st.tuples(*[st.integers(1, 37)] * 3),
)
def test_any_size_goes_in_and_comes_out(ndim, upsampling, norm, sizes):
    config = UNetConfig.classic(
        ndim=ndim, base=8, depth=2, in_channels=2, out_channels=3, upsampling=upsampling, norm=norm
    )
    network = strong_network(config)
    x = torch.randn(1, 2, *sizes[:ndim])
    with torch.inference_mode():
        assert network(x).shape == (1, 3, *sizes[:ndim])


@pytest.mark.each_value
@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
@pytest.mark.parametrize("convolutions", [1, 2])
def test_receptive_field_is_the_gradients(ndim, upsampling, convolutions):
    depth = 3 if ndim == 2 else 1
    config = UNetConfig.classic(
        ndim=ndim,
        base=2,
        depth=depth,
        convolutions=convolutions,
        norm="none",
        upsampling=upsampling,
        strides=((1, 2, 2)[-ndim:],) + ((2,) * ndim,) * (depth - 1),
    )
    radius, halo = _reach(config)
    assert radius == config.receptive_radius
    assert halo == config.halo


def _reach(config):
    """Radius and halo as the gradient of a network of positive weights shows them."""
    network = UNet(config).double()
    for parameter in network.parameters():
        parameter.data.abs_()
    stride = config.total_stride
    shape = [6 * s * (-(-r // (2 * s)) + 1) for s, r in zip(stride, config.receptive_radius)]
    x = torch.rand(1, 1, *shape, dtype=torch.double, requires_grad=True)
    y = network(x)
    middle = [n // 2 // s * s for n, s in zip(shape, stride)]
    radius, halo = [0] * config.ndim, [0] * config.ndim
    for phase in itertools.product(*(range(s) for s in stride)):
        at = [m + p for m, p in zip(middle, phase)]
        (gradient,) = torch.autograd.grad(y[(0, 0, *at)], x, retain_graph=True)
        seen = gradient[0, 0].nonzero()
        for axis in range(config.ndim):
            low, high = seen[:, axis].min().item(), seen[:, axis].max().item()
            radius[axis] = max(radius[axis], at[axis] - low, high - at[axis])
            last = middle[axis] + stride[axis] - 1
            halo[axis] = max(halo[axis], middle[axis] - low, high - last)
    return tuple(radius), tuple(halo)


def test_the_classic_network_has_the_known_figures():
    classic = UNetConfig.classic(base=64, in_channels=3, out_channels=2, conv_bias=False)
    # the reference PyTorch port with transposed convolutions counts 31,037,698 weights
    assert classic.parameters == 31_037_698
    assert sum(p.numel() for p in UNet(classic).parameters()) == 31_037_698
    assert classic.total_stride == (16, 16)
    assert classic.halo == (94, 94)


@pytest.mark.parametrize("piece", [1e3, 1e5, 1e7])
@pytest.mark.parametrize("ndim", [2, 3])
def test_strips_change_nothing_and_all_work_is_reported(ndim, piece):
    config = UNetConfig.classic(ndim=ndim, base=4, depth=2)
    network = strong_network(config)
    x = torch.randn(2, 1, *(32, 24, 16)[:ndim])
    steps, done = network.steps(x, None, piece), 0.0
    with torch.inference_mode():
        while True:
            try:
                done += next(steps)
            except StopIteration as stop:
                found = stop.value
                break
        expected = network(x)
    assert torch.allclose(found, expected, atol=1e-5)
    assert done == pytest.approx(config.macs_per_pixel() * x.numel(), rel=1e-6)


@pytest.mark.parametrize("ndim", [2, 3])
def test_folding_the_batch_norms_changes_nothing(ndim):
    network = strong_network(UNetConfig.classic(ndim=ndim, base=4, depth=2))
    x = torch.randn(1, 1, *(16,) * ndim)
    with torch.inference_mode():
        expected = network(x)
        assert torch.allclose(fuse_batch_norm(network)(x), expected, atol=1e-5)
        assert torch.equal(network(x), expected), "the original was changed"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decoder": ((4, 4),)}, "decoder needs 2 entries"),
        ({"strides": ((2, 2), (0, 2))}, "stride"),
        ({"upsampling": "transposed", "projection": True}, "projection"),
        ({"norm": "group", "groups": 3}, "multiple of the 3 groups"),
    ],
)
def test_what_cannot_be_built_is_refused(change, message):
    with pytest.raises(ValidationError, match=message):
        UNetConfig(**{"encoder": ((4, 4), (8, 8), (16, 16)), "decoder": ((4, 4), (8, 8)), **change})


@pytest.mark.parametrize("frame", [5, 100, 4000])
def test_aligned_upsampling_of_a_tile_is_torchs_own_of_the_whole(frame):
    x = torch.randn(1, 2, frame, 8)
    whole = torch.nn.functional.interpolate(x, (2 * frame, 16), mode="bilinear", align_corners=True)
    start = frame // 2
    tile = upsample(x[:, :, start:], (2, 2), [((start, 0), (frame, 8))])
    # the last row needs nothing beyond the tile, the first one the row before it
    assert (tile[:, :, 2:] - whole[:, :, 2 * start + 2 :]).abs().max() <= 1e-6 * whole.abs().max()
