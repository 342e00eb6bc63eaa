"""Norms as torch has them, but for images of a single pixel, which torch refuses outside training."""

from __future__ import annotations

import torch
from torch import Tensor, nn


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
