"""Networks of other programs, written anew from the descriptions of their architecture.

A network here is a state dict by the other program's names and a forward pass in plain functions.
"""

from __future__ import annotations

import itertools
import math
from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

State = OrderedDict[str, Tensor]


class Weights:
    """Draws He-initialised weights and random norm statistics."""

    def __init__(self, ndim: int = 2, seed: int = 0) -> None:
        self.state: State = OrderedDict()
        self.ndim = ndim
        self.random = torch.Generator().manual_seed(seed)

    def conv(self, name: str, into: int, out: int, kernel: int = 3, bias: bool = True) -> None:
        gain = math.sqrt(2 / (into * kernel**self.ndim))
        self.state[f"{name}.weight"] = self.normal(out, into, *[kernel] * self.ndim) * gain
        if bias:
            self.state[f"{name}.bias"] = self.normal(out) * 0.1

    def transposed(self, name: str, into: int, out: int, kernel: tuple[int, ...] = (2, 2)) -> None:
        self.state[f"{name}.weight"] = self.normal(into, out, *kernel) * math.sqrt(2 / into)
        self.state[f"{name}.bias"] = self.normal(out) * 0.1

    def batch_norm(self, name: str, width: int) -> None:
        self.state[f"{name}.weight"] = 1 + 0.2 * self.normal(width)
        self.state[f"{name}.bias"] = self.normal(width) * 0.1
        self.state[f"{name}.running_mean"] = self.normal(width) * 0.1
        self.state[f"{name}.running_var"] = 1 + 0.3 * torch.rand(width, generator=self.random)
        self.state[f"{name}.num_batches_tracked"] = torch.tensor(100)

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.random)


@dataclass(frozen=True)
class PytorchUNet:
    """The classic PyTorch port by milesial.

    Double convolutions with batch norm; down by max pooling; up by a transposed convolution, or
    bilinearly with align_corners=True, when the widths at the bottom are halved; the skip
    connection comes first. Until 2019 its modules had other names and bilinear blocks no narrower
    middle; its first version had no norm.
    """

    channels: int = 1
    classes: int = 1
    base: int = 8
    depth: int = 4
    bilinear: bool = False
    bias: bool = False
    norm: bool = True
    old_names: bool = False
    ndim: int = 2

    def block(self, prefix: str) -> str:
        """Full name of a double convolution in ``inc``, ``down1``, ``up1``."""
        if self.old_names:
            middle = ".mpconv.1.conv" if prefix.startswith("down") else ".conv.conv"
        else:
            middle = ".maxpool_conv.1" if prefix.startswith("down") else ""
            middle += ".conv" if prefix.startswith("up") else ""
            middle += ".double_conv"
        return prefix + middle

    def state(self, seed: int = 0) -> State:
        draw = Weights(self.ndim, seed)
        factor = 2 if self.bilinear else 1

        def double(prefix: str, into: int, middle: int, out: int) -> None:
            name, step = self.block(prefix), 3 if self.norm else 2
            draw.conv(f"{name}.0", into, middle, bias=self.bias)
            draw.conv(f"{name}.{step}", middle, out, bias=self.bias)
            if self.norm:
                draw.batch_norm(f"{name}.1", middle)
                draw.batch_norm(f"{name}.4", out)

        width = self.base
        double("inc", self.channels, width, width)
        for n in range(1, self.depth + 1):
            out = 2 * width // (factor if n == self.depth else 1)
            double(f"down{n}", width, out, out)
            width *= 2
        for n in range(1, self.depth + 1):
            out = width // 2 // (factor if n < self.depth else 1)
            if not self.bilinear:
                draw.transposed(f"up{n}.up", width, width // 2, (2,) * self.ndim)
            narrow = self.bilinear and not self.old_names
            double(f"up{n}", width, width // 2 if narrow else out, out)
            width //= 2
        draw.conv("outc.conv", self.base, self.classes, 1)
        return draw.state

    def forward(self, state: State, x: Tensor) -> Tensor:
        conv = functional.conv2d if self.ndim == 2 else functional.conv3d
        pool = functional.max_pool2d if self.ndim == 2 else functional.max_pool3d
        back = functional.conv_transpose2d if self.ndim == 2 else functional.conv_transpose3d

        def double(prefix: str, x: Tensor) -> Tensor:
            name = self.block(prefix)
            for i in (0, 3) if self.norm else (0, 2):
                one = f"{name}.{i}"
                x = conv(x, state[f"{one}.weight"], state.get(f"{one}.bias"), padding=1)
                if self.norm:
                    one = f"{name}.{i + 1}"
                    x = functional.batch_norm(
                        x,
                        state[f"{one}.running_mean"],
                        state[f"{one}.running_var"],
                        state[f"{one}.weight"],
                        state[f"{one}.bias"],
                    )
                x = functional.relu(x)
            return x

        skips = [double("inc", x)]
        for n in range(1, self.depth + 1):
            skips.append(double(f"down{n}", pool(skips[-1], 2)))
        x = skips.pop()
        for n in range(1, self.depth + 1):
            if self.bilinear:
                mode = "bilinear" if self.ndim == 2 else "trilinear"
                x = functional.interpolate(x, scale_factor=2, mode=mode, align_corners=True)
            else:
                name = f"up{n}.up"
                x = back(x, state[f"{name}.weight"], state[f"{name}.bias"], stride=2)
            x = double(f"up{n}", torch.cat([skips.pop(), x], dim=1))
        return conv(x, state["outc.conv.weight"], state["outc.conv.bias"])


@dataclass(frozen=True)
class BrainUNet:
    """The U-Net of the PyTorch Hub (brain-segmentation-pytorch): the upsampled features come first."""

    channels: int = 3
    classes: int = 1
    base: int = 4
    ndim: int = 2

    def state(self, seed: int = 0) -> State:
        draw = Weights(seed=seed)

        def block(module: str, name: str, into: int, out: int) -> None:
            for i, width in ((1, into), (2, out)):
                draw.conv(f"{module}.{name}conv{i}", width, out, bias=False)
                draw.batch_norm(f"{module}.{name}norm{i}", out)

        widths = [self.base * 2**n for n in range(5)]
        for n, (into, out) in enumerate(zip([self.channels, *widths], widths[:4], strict=False), 1):
            block(f"encoder{n}", f"enc{n}", into, out)
        block("bottleneck", "bottleneck", widths[3], widths[4])
        for n in (4, 3, 2, 1):
            draw.transposed(f"upconv{n}", widths[n], widths[n - 1])
            block(f"decoder{n}", f"dec{n}", widths[n], widths[n - 1])
        draw.conv("conv", self.base, self.classes, 1)
        return draw.state

    def forward(self, state: State, x: Tensor) -> Tensor:
        def block(prefix: str, x: Tensor) -> Tensor:
            for i in (1, 2):
                x = functional.conv2d(x, state[f"{prefix}conv{i}.weight"], padding=1)
                norm = f"{prefix}norm{i}"
                statistics = (state[f"{norm}.running_mean"], state[f"{norm}.running_var"])
                x = functional.batch_norm(
                    x, *statistics, state[f"{norm}.weight"], state[f"{norm}.bias"]
                )
                x = functional.relu(x)
            return x

        skips = []
        for n in (1, 2, 3, 4):
            skips.append(block(f"encoder{n}.enc{n}", x))
            x = functional.max_pool2d(skips[-1], 2)
        x = block("bottleneck.bottleneck", x)
        for n in (4, 3, 2, 1):
            weight, bias = state[f"upconv{n}.weight"], state[f"upconv{n}.bias"]
            x = functional.conv_transpose2d(x, weight, bias, stride=2)
            x = block(f"decoder{n}.dec{n}", torch.cat([x, skips.pop()], dim=1))
        return functional.conv2d(x, state["conv.weight"], state["conv.bias"])


@dataclass(frozen=True)
class Unet2d:
    """The network of bioimage.io's example package unet2d_nuclei_broad.

    Two convolutions and one ReLU a block; linear upsampling, then a 1x1 convolution; the skip
    connection comes first. `aligned` and `up_first` make the variants that shapes can't tell apart.
    """

    channels: int = 1
    classes: int = 1
    widths: tuple[int, ...] = (4, 8, 16)
    ndim: int = 2
    aligned: bool = False
    up_first: bool = False

    def state(self, seed: int = 0) -> State:
        draw = Weights(self.ndim, seed)

        def block(name: str, into: int, out: int) -> None:
            draw.conv(f"{name}.0", into, out)
            draw.conv(f"{name}.1", out, out)

        into = self.channels
        for n, out in enumerate(self.widths[:-1]):
            block(f"encoders.{n}", into, out)
            into = out
        block("base", into, self.widths[-1])
        falling = self.widths[::-1]
        for n, (below, out) in enumerate(itertools.pairwise(falling)):
            block(f"decoders.{n}", 2 * out, out)
            draw.conv(f"upsamplers.{n}.1", below, out, 1)
        draw.conv("output", self.widths[0], self.classes, 1)
        return draw.state

    def forward(self, state: State, x: Tensor) -> Tensor:
        convolve = functional.conv2d if self.ndim == 2 else functional.conv3d
        pool = functional.max_pool2d if self.ndim == 2 else functional.max_pool3d
        mode = "bilinear" if self.ndim == 2 else "trilinear"

        def conv(name: str, x: Tensor) -> Tensor:
            weight = state[f"{name}.weight"]
            return convolve(x, weight, state[f"{name}.bias"], padding=weight.shape[-1] // 2)

        def block(name: str, x: Tensor) -> Tensor:
            return functional.relu(conv(f"{name}.1", conv(f"{name}.0", x)))

        skips = []
        for n in range(len(self.widths) - 1):
            skips.append(block(f"encoders.{n}", x))
            x = pool(skips[-1], 2)
        x = block("base", x)
        for n in range(len(self.widths) - 1):
            x = functional.interpolate(x, scale_factor=2, mode=mode, align_corners=self.aligned)
            joined = [skips.pop(), conv(f"upsamplers.{n}.1", x)]
            x = block(f"decoders.{n}", torch.cat(joined[:: -1 if self.up_first else 1], dim=1))
        return conv("output", x)


@dataclass(frozen=True)
class TorchEm:
    """The 2-D U-Net of torch-em without norm: the upsampled features come first.

    Its default has instance norms, which have no weights, before both convolutions of a block; only
    the numbering of the convolutions tells.
    """

    channels: int = 1
    classes: int = 2
    base: int = 4
    depth: int = 3
    instance_norm: bool = False
    ndim = 2

    def state(self, seed: int = 0) -> State:
        draw = Weights(seed=seed)

        def block(name: str, into: int, out: int) -> None:
            first, second = (1, 4) if self.instance_norm else (0, 2)
            draw.conv(f"{name}.block.{first}", into, out)
            draw.conv(f"{name}.block.{second}", out, out)

        widths = [self.base * 2**n for n in range(self.depth + 1)]
        for n, (into, out) in enumerate(itertools.pairwise([self.channels, *widths[:-1]])):
            block(f"encoder.blocks.{n}", into, out)
        block("base", *widths[-2:])
        for n, (below, out) in enumerate(itertools.pairwise(widths[::-1])):
            block(f"decoder.blocks.{n}", below, out)
            draw.conv(f"decoder.samplers.{n}.conv", below, out, 1)
        draw.conv("out_conv", self.base, self.classes, 1)
        return draw.state

    def forward(self, state: State, x: Tensor) -> Tensor:
        def conv(name: str, x: Tensor) -> Tensor:
            weight = state[f"{name}.weight"]
            return functional.conv2d(
                x, weight, state[f"{name}.bias"], padding=weight.shape[-1] // 2
            )

        def block(name: str, x: Tensor) -> Tensor:
            for i in (0, 2):
                x = functional.relu(conv(f"{name}.block.{i}", x))
            return x

        skips = []
        for n in range(self.depth):
            skips.append(block(f"encoder.blocks.{n}", x))
            x = functional.max_pool2d(skips[-1], 2)
        x = block("base", x)
        for n in range(self.depth):
            x = functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = conv(f"decoder.samplers.{n}.conv", x)
            x = block(f"decoder.blocks.{n}", torch.cat([x, skips.pop()], dim=1))
        return conv("out_conv", x)
