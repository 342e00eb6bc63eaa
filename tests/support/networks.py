"""Networks and images for tests of exactness."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn

from napari_unet.core.image.normalization import Normalization
from napari_unet.core.model.spec import Model, ModelSpec
from napari_unet.core.unet.config import UNetConfig
from napari_unet.core.unet.network import UNet


def strong_network(config: UNetConfig, seed: int = 0) -> UNet:
    """A network whose weights carry signal across the whole receptive field.

    torch's default initialisation shrinks it at every layer, which hides errors at tile borders.
    """
    torch.manual_seed(seed)
    network = UNet(config).eval()
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)):
            nn.init.normal_(module.weight, std=math.sqrt(2 / _fan_in(module)))
            if module.bias is not None:
                nn.init.normal_(module.bias, std=0.1)
        if isinstance(module, (nn.BatchNorm2d, nn.BatchNorm3d)):
            nn.init.uniform_(module.weight, 0.8, 1.2)
            nn.init.normal_(module.bias, std=0.1)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.8, 1.2)
    return network


def _fan_in(module: nn.Module) -> int:
    weight = module.weight
    if isinstance(module, (nn.ConvTranspose2d, nn.ConvTranspose3d)):
        return weight.shape[0]
    return weight[0].numel()


def model_of(config: UNetConfig, seed: int = 0, **spec: object) -> Model:
    """A model without activation or normalisation, so that outputs are logits."""
    defaults = {
        "name": "test",
        "config": config,
        "activation": "none",
        "normalization": Normalization(kind="linear"),
    }
    return Model(ModelSpec(**{**defaults, **spec}), strong_network(config, seed))


def random_image(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)
