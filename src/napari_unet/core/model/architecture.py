"""What a network can be described as: a U-Net, or any list of layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.core.graph.config import LayerGraph
from napari_unet.core.unet.config import UNetConfig

if TYPE_CHECKING:
    from napari_unet.core.graph.network import GraphNetwork
    from napari_unet.core.unet.network import UNet

    Network = UNet | GraphNetwork

Architecture = UNetConfig | LayerGraph


def build_network(config: Architecture) -> Network:
    """Return the network that a description describes; its weights are random."""
    # these import torch, which descriptions do not need
    from napari_unet.core.graph.network import GraphNetwork
    from napari_unet.core.unet.network import UNet

    return UNet(config) if isinstance(config, UNetConfig) else GraphNetwork(config)
