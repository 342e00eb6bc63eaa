"""A running average of a network's weights, which varies less than the weights themselves."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from napari_unet.core.model.architecture import Network


class WeightAverage:
    """Exponential moving average of all weights and buffers (Polyak and Juditsky 1992).

    Parameters
    ----------
    network
        The network to start from.
    decay
        Fraction of the average that is kept at each step, once there have been enough steps.
    """

    def __init__(self, network: Network, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._decay = decay

    @torch.no_grad()
    def update(self, network: Network, step: int) -> None:
        """Include the weights after step number `step`, counted from 1."""
        # early on, the average must forget the initial weights sooner
        decay = min(self._decay, step / (step + 9))
        state = network.state_dict()
        for name, mean in self.network.state_dict().items():
            if mean.is_floating_point():
                mean.lerp_(state[name].to(mean.dtype), 1 - decay)
            else:
                mean.copy_(state[name])
