"""Norms as torch has them, but for images of a single pixel, which torch refuses outside training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_unet.core.unet.config import KERNEL, UNetConfig


class InstanceNorm(nn.Module):
    """Each channel of each image to zero mean and unit variance (Ulyanov et al. 2016, 1607.08022).

    Parameters
    ----------
    width
        Channels.
    affine
        Whether a learnt gain and bias a channel follow.
    """

    def __init__(self, width: int, affine: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width)) if affine else None
        self.bias = nn.Parameter(torch.zeros(width)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        """(N, width, …) to the same shape."""
        fast = torch.backends.cudnn.enabled
        return torch.instance_norm(x, self.weight, self.bias, None, None, True, 0.0, 1e-5, fast)


class GroupNorm(nn.GroupNorm):
    """Groups of channels to zero mean and unit variance (Wu and He 2018, 1803.08494)."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, width, …) to the same shape."""
        fast = torch.backends.cudnn.enabled
        return torch.group_norm(x, self.num_groups, self.weight, self.bias, self.eps, fast)


class Unit(nn.Module):
    """Convolution, norm, ReLU.

    Parameters
    ----------
    config
        The network's description.
    width_in, width_out
        Channels before and after.
    relu
        Whether there is a ReLU.
    """

    def __init__(self, config: UNetConfig, width_in: int, width_out: int, relu: bool) -> None:
        super().__init__()
        conv = nn.Conv2d if config.ndim == 2 else nn.Conv3d
        self.conv = conv(width_in, width_out, KERNEL, padding=KERNEL // 2, bias=config.conv_bias)
        self.norm = _norm(config, width_out)
        self.relu = nn.ReLU(inplace=True) if relu else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(N, width_in, …) to (N, width_out, …)."""
        return self.finished(self.conv(x))

    def finished(self, x: Tensor) -> Tensor:
        """Norm and ReLU, on the convolution's output."""
        found: Tensor = self.relu(self.norm(x))
        return found


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
