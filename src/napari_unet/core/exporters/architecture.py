"""The U-Net of U-Net Studio as a plain module, which needs nothing but torch.

A copy of this file lies in every exported package; the names of its weights are those of the program.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class Unit(nn.Module):
    """Convolution, norm and ReLU."""

    def __init__(self, config: dict[str, Any], width_in: int, width_out: int, relu: bool) -> None:
        super().__init__()
        flat, bias = config["ndim"] == 2, config["conv_bias"]
        conv = nn.Conv2d if flat else nn.Conv3d
        self.conv = conv(width_in, width_out, 3, padding=1, bias=bias)
        self.norm: nn.Module = nn.Identity()
        if config["norm"] == "batch":
            self.norm = (nn.BatchNorm2d if flat else nn.BatchNorm3d)(width_out)
        elif config["norm"] == "group":
            self.norm = nn.GroupNorm(config["groups"], width_out)
        elif config["norm"] == "instance":
            kind = nn.InstanceNorm2d if flat else nn.InstanceNorm3d
            self.norm = kind(width_out, affine=config["affine"])
        self.relu = nn.ReLU() if relu else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Compute (N, width_out, …) from (N, width_in, …)."""
        out: Tensor = self.relu(self.norm(self.conv(x)))
        return out


class UNet(nn.Module):
    """A U-Net; sizes of its input are multiples of the total stride, its output are logits."""

    def __init__(self, **config: Any) -> None:
        super().__init__()
        self.config = config
        flat, width = config["ndim"] == 2, config["in_channels"]
        self.encoder, self.up, self.decoder = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for widths in config["encoder"]:
            self.encoder.append(self._block(width, widths))
            width = widths[-1]
        deeper = [*config["decoder"], config["encoder"][-1]]
        for level, widths in enumerate(config["decoder"]):
            below, up, stride = deeper[level + 1][-1], config["up"][level], config["strides"][level]
            if config["upsampling"] == "transposed":
                kind: Any = nn.ConvTranspose2d if flat else nn.ConvTranspose3d
                self.up.append(kind(below, up, tuple(stride), tuple(stride)))
            elif config["projection"]:
                self.up.append((nn.Conv2d if flat else nn.Conv3d)(below, up, 1))
            else:
                self.up.append(nn.Identity())
                up = below
            self.decoder.append(self._block(config["encoder"][level][-1] + up, widths))
        last = (config["decoder"] or config["encoder"])[0][-1]
        self.head = (nn.Conv2d if flat else nn.Conv3d)(last, config["out_channels"], 1)

    def _block(self, width: int, widths: list[int]) -> nn.ModuleList:
        units = nn.ModuleList()
        for i, out in enumerate(widths):
            relu = self.config["relu"] == "every" or i == len(widths) - 1
            units.append(Unit(self.config, width, out, relu))
            width = out
        return units

    def forward(self, x: Tensor) -> Tensor:
        """Compute the logits, (N, out_channels, [Z,] Y, X)."""
        flat, mode = self.config["ndim"] == 2, self.config["upsampling"]
        pool = functional.max_pool2d if flat else functional.max_pool3d
        skips = []
        for level, block in enumerate(self.encoder):
            if level:
                skips.append(x)
                x = pool(x, tuple(self.config["strides"][level - 1]))
            for unit in block.children():
                x = unit(x)
        for level in reversed(range(len(self.decoder))):
            x = self.up[level](x)
            if mode != "transposed":
                factor = tuple(float(f) for f in self.config["strides"][level])
                x = functional.interpolate(
                    x,
                    scale_factor=factor,
                    mode="bilinear" if flat else "trilinear",
                    align_corners=mode == "linear_aligned",
                )
            x = torch.cat([skips.pop(), x], dim=1)
            for unit in self.decoder[level].children():
                x = unit(x)
        out: Tensor = self.head(x)
        return out
