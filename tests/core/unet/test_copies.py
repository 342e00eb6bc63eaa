"""Copies of networks that share their weights."""

from __future__ import annotations

import pytest
import torch
from networks import strong_network

from napari_unet.core.unet.config import UNetConfig
from napari_unet.core.unet.copies import with_shared_weights


@pytest.mark.parametrize("norm", ["none", "batch", "group", "instance"])
def test_a_copy_gives_the_same_and_changes_alone(norm):
    network = strong_network(UNetConfig.classic(base=8, depth=1, norm=norm)).eval()
    x = torch.randn(1, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        before = network(x)
        copied = with_shared_weights(network)
        assert torch.equal(copied(x), before)
        assert not any(weights.requires_grad for weights in copied.parameters())
        copied.to(torch.float64, memory_format=torch.channels_last)
        copied.head = torch.nn.Conv2d(8, 5, 1)
        copied.load_state_dict({k: v * 0 for k, v in copied.state_dict().items()}, assign=True)
        assert torch.equal(network(x), before)


def test_a_copy_takes_no_memory_of_its_own():
    network = strong_network(UNetConfig.classic(base=4, depth=1))
    for one, other in zip(
        network.state_dict().values(),
        with_shared_weights(network).state_dict().values(),
        strict=True,
    ):
        assert one.data_ptr() == other.data_ptr()
