"""The forward pass of a training step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.core.graph.network import GraphNetwork
from napari_unet.core.unet import checkpointing
from napari_unet.core.unet.checkpointing_policy import KEEP_ALL, CheckpointingPolicy

if TYPE_CHECKING:
    from torch import Tensor

    from napari_unet.core.model.architecture import Network


def training_forward(network: Network, x: Tensor, policy: CheckpointingPolicy = KEEP_ALL) -> Tensor:
    """Compute logits for training, as `checkpointing.training_forward` does for U-Nets.

    Networks that are described layer by layer keep all activations.
    """
    if isinstance(network, GraphNetwork):
        out: Tensor = network(x)
        return out
    return checkpointing.training_forward(network, x, policy)
