"""Batch norms merged into the convolutions before them, which saves their time in inference."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from napari_unet.core.unet.layers import Unit

if TYPE_CHECKING:
    from napari_unet.core.unet.network import UNet


def fuse_batch_norm(network: UNet) -> UNet:
    """Copy a network in evaluation mode with its batch norms merged into the convolutions.

    The outputs are the same but for rounding; other norms stay. The original is left as it is.
    """
    folded = copy.deepcopy(network).eval().requires_grad_(False)
    for unit in folded.modules():
        if isinstance(unit, Unit) and isinstance(unit.norm, (nn.BatchNorm2d, nn.BatchNorm3d)):
            unit.conv = fuse_conv_bn_eval(unit.conv, unit.norm)
            unit.norm = nn.Identity()
    return folded
