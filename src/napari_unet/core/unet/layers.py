"""Layers of the network. Norms accept images of a single pixel, which torch refuses outside training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from napari_unet.core.unet.receptive_field import KERNEL

if TYPE_CHECKING:
    from napari_unet.core.unet.config import UNetConfig


EPSILON = 1e-5
"""What the instance norm adds to the variance, as in torch."""


class InstanceNorm(nn.Module):
    """Instance normalisation: zero mean and unit variance of each channel of each image.

    Ulyanov et al. 2016, arXiv:1607.08022.

    Parameters
    ----------
    width
        Number of channels.
    affine
        Whether a learnt gain and bias per channel follow.
    epsilon
        Added to the variance.
    """

    def __init__(self, width: int, affine: bool, epsilon: float = EPSILON) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.weight = nn.Parameter(torch.ones(width)) if affine else None
        self.bias = nn.Parameter(torch.zeros(width)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, width, …); the shape stays."""
        fast = torch.backends.cudnn.enabled
        return torch.instance_norm(
            x, self.weight, self.bias, None, None, True, 0.0, self.epsilon, fast
        )


class GroupNorm(nn.GroupNorm):
    """Group normalisation: zero mean and unit variance of each group of channels of each image.

    Wu and He 2018, arXiv:1803.08494.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, width, …); the shape stays."""
        fast = torch.backends.cudnn.enabled
        return torch.group_norm(x, self.num_groups, self.weight, self.bias, self.eps, fast)


class Unit(nn.Module):
    """A convolution, followed by a norm and a ReLU.

    Parameters
    ----------
    config
        The network's description.
    width_in, width_out
        Number of channels before and after.
    relu
        Whether a ReLU follows.
    """

    def __init__(self, config: UNetConfig, width_in: int, width_out: int, relu: bool) -> None:
        super().__init__()
        conv = nn.Conv2d if config.ndim == 2 else nn.Conv3d
        self.conv = conv(width_in, width_out, KERNEL, padding=KERNEL // 2, bias=config.conv_bias)
        self.norm = _norm(config, width_out)
        self.relu = nn.ReLU(inplace=True) if relu else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Compute (N, width_out, …) from (N, width_in, …)."""
        return self.activate(self.conv(x))

    def activate(self, x: Tensor) -> Tensor:
        """Apply norm and ReLU to the convolution's output, (N, width_out, …); the shape stays."""
        activated: Tensor = self.relu(self.norm(x))
        return activated


def _norm(config: UNetConfig, width: int) -> nn.Module:
    flat = config.ndim == 2
    match config.norm:
        case "batch":
            return nn.BatchNorm2d(width) if flat else nn.BatchNorm3d(width)
        case "instance":
            return InstanceNorm(width, config.affine)
        case "group":
            return GroupNorm(config.groups, width)
        case "none":
            return nn.Identity()
