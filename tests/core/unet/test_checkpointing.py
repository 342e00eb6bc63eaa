"""Activation checkpointing: less memory, the same training."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.nn import functional

from napari_unet.core.training.traced_memory import LiveMemory, training_bytes_per_pixel
from napari_unet.core.unet.checkpointing import training_forward
from napari_unet.core.unet.checkpointing_policy import (
    KEEP_ALL,
    CheckpointingPolicy,
    candidate_policies,
    recompute_all,
)
from napari_unet.core.unet.config import UNetConfig
from napari_unet.core.unet.network import UNet

STEPS = 2


def train(network, policy, ndim):
    network = copy.deepcopy(network).train()
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
    generator = torch.Generator().manual_seed(1)
    for _ in range(STEPS):
        x = torch.randn(2, 1, *(16,) * ndim, generator=generator)
        target = torch.randint(0, 3, (2, *(16,) * ndim), generator=generator)
        loss = functional.cross_entropy(training_forward(network, x, policy), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.state_dict()


@pytest.mark.each_value
@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("norm", ["none", "batch", "group", "instance"])
@pytest.mark.parametrize("upsampling", ["transposed", "linear_aligned"])
def test_every_policy_trains_the_same_weights_and_buffers(ndim, norm, upsampling):
    torch.manual_seed(0)
    config = UNetConfig.classic(
        ndim=ndim,
        base=8,
        depth=2,
        out_channels=3,
        norm=norm,
        upsampling=upsampling,
        projection=upsampling != "transposed",
    )
    network = UNet(config)
    expected = train(network, KEEP_ALL, ndim)
    plain = norm in ("none", "batch") and upsampling == "transposed"
    chosen = (
        candidate_policies(config)
        if plain
        else [CheckpointingPolicy(1, 1), CheckpointingPolicy(3, 0), recompute_all(config)]
    )
    for policy in chosen:
        found = train(network, policy, ndim)
        for name, value in expected.items():
            assert torch.equal(found[name], value), (policy, name)
    if norm == "batch":
        assert expected["encoder.0.0.norm.num_batches_tracked"] == STEPS


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("upsampling", ["transposed", "linear", "linear_aligned"])
def test_the_training_pass_is_the_networks_own(ndim, upsampling):
    config = UNetConfig.classic(ndim=ndim, base=4, depth=2, upsampling=upsampling)
    network = UNet(config).eval()
    x = torch.randn(2, 1, *(16,) * ndim)
    for policy in (KEEP_ALL, recompute_all(config)):
        assert torch.allclose(training_forward(network, x, policy), network(x), atol=1e-5)


def test_recomputing_saves_what_the_plan_says():
    config = UNetConfig.classic(base=8, depth=4)
    planned = {p: training_bytes_per_pixel(config, p, 4) for p in candidate_policies(config)}
    assert planned[KEEP_ALL] == max(planned.values())
    assert planned[KEEP_ALL] / planned[CheckpointingPolicy(5, 0)] > 1.8
    assert planned[KEEP_ALL] / planned[recompute_all(config)] > 2.1
    # the same network with data, where the count runs over real tensors
    network = UNet(config)
    shape = (1, 1, 256, 256)
    for policy in (KEEP_ALL, CheckpointingPolicy(5, 0), recompute_all(config)):
        with LiveMemory() as memory:
            training_forward(network, torch.randn(shape), policy).mean().backward()
        network.zero_grad()
        assert memory.peak == pytest.approx(planned[policy] * 256 * 256, rel=0.1)


def test_live_memory_follows_tensors():
    with LiveMemory() as memory:
        a = torch.empty(100)
        b = a + 1
        assert memory.now == 800
        c = b[:50].relu_()
        assert memory.now == 800
        del b
        assert memory.now == 800
        del c
        assert memory.now == 400
    assert memory.peak == 800
    assert a.shape == (100,)
