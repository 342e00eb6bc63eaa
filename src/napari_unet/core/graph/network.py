"""The network that a `LayerGraph` describes."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_unet.core.graph.layers import (
    Activation,
    Convolution,
    EdgeRepetition,
    Join,
    Norm,
    Pooling,
    TransposedConvolution,
    Upsampling,
)
from napari_unet.core.progress import finish
from napari_unet.core.unet.layers import GroupNorm, InstanceNorm
from napari_unet.core.unet.network import mirror_padded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.graph.config import LayerGraph
    from napari_unet.core.graph.layers import Layer
    from napari_unet.core.unet.network import Window
    from napari_unet.core.unet.strips import Steps


class GraphNetwork(nn.Module):
    """A network, layer by layer.

    Parameters
    ----------
    config
        Its layers.
    """

    def __init__(self, config: LayerGraph) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.ModuleDict(
            {
                str(position): _module(config, position, layer)
                for position, layer in enumerate(config.layers, start=1)
                if not isinstance(layer, (Join, EdgeRepetition))
            }
        )

    def forward(self, x: Tensor, windows: Sequence[Window] | None = None) -> Tensor:
        """Compute the logits, as `UNet.forward`."""
        return finish(self.steps(x, windows))

    def steps(
        self,
        x: Tensor,
        windows: Sequence[Window] | None = None,
        max_macs: float | None = None,  # noqa: ARG002
    ) -> Steps:
        """Compute the logits in steps, between which the computation can be cancelled.

        Parameters
        ----------
        x
            (N, in_channels, [Z,] Y, X) of any size; those that are no multiple of the total stride are
            mirror-padded at the far edges, and the result is cropped.
        windows
            Position of each of the N inputs if they are tiles. None: each is a whole image.
        max_macs
            Not needed here: no layer is cut in strips.

        Yields
        ------
        float
            Multiply-adds done since the last yield.

        Returns
        -------
        Tensor
            (N, out_channels, [Z,] Y, X): values before any activation.
        """
        size = x.shape[2:]
        x = mirror_padded(x, self.config.total_stride)
        pixels = len(x) * prod(x.shape[2:])
        features: dict[int, Tensor] = {0: x}
        del x
        macs = self.config.layer_macs_per_pixel()
        for position, layer in enumerate(self.config.layers, start=1):
            inputs = [features[i] for i in layer.inputs]
            for i in set(layer.inputs):
                if self.config.last_uses[i] == position:
                    del features[i]
            features[position] = self._run(position, layer, inputs, windows)
            del inputs
            yield macs[position - 1] * pixels
        out = features.popitem()[1]
        for axis, n in enumerate(size, start=2):
            out = out.narrow(axis, 0, n)
        return out

    def _run(
        self,
        position: int,
        layer: Layer,
        inputs: list[Tensor],
        windows: Sequence[Window] | None,
    ) -> Tensor:
        if isinstance(layer, EdgeRepetition):
            return _with_first_repeated(inputs[0], windows)
        if not isinstance(layer, Join):
            out: Tensor = self.layers[str(position)](inputs[0])
            if isinstance(layer, TransposedConvolution):
                for axis, extra in enumerate(layer.extra, start=2):
                    out = out.narrow(axis, 0, out.shape[axis] + min(0, extra))
            return out
        if layer.kind == "concatenate":
            return torch.cat(inputs, dim=1)
        total = inputs[0]
        for part in inputs[1:]:
            total = total + part
        return total


def _with_first_repeated(x: Tensor, windows: Sequence[Window] | None) -> Tensor:
    x = x.clone()
    for item in range(len(x)):
        for axis in range(x.dim() - 2):
            starts = windows is None or windows[item].start[axis] == 0
            if starts and x.shape[axis + 2] > 1:
                pixels = x[item].movedim(axis + 1, 0)
                pixels[0] = pixels[1].clone()
    return x


class _Interpolation(nn.Module):
    def __init__(self, kind: str, factor: Sequence[int]) -> None:
        super().__init__()
        flat = len(factor) == 2
        self.mode = "nearest" if kind == "nearest" else "bilinear" if flat else "trilinear"
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        size = [n * f for n, f in zip(x.shape[2:], self.factor, strict=True)]
        aligned = None if self.mode == "nearest" else False
        return functional.interpolate(x, size, mode=self.mode, align_corners=aligned)


def _module(config: LayerGraph, position: int, layer: Layer) -> nn.Module:
    """Return what computes a layer."""
    width, flat = config.widths[layer.inputs[0]], config.ndim == 2
    kind: Any
    match layer:
        case Convolution():
            kind = nn.Conv2d if flat else nn.Conv3d
            shape = (layer.kernel, layer.stride, layer.padding)
            module = kind(width, layer.channels, *shape, groups=layer.groups, bias=layer.bias)
        case TransposedConvolution():
            kind = nn.ConvTranspose2d if flat else nn.ConvTranspose3d
            shape = (layer.kernel, layer.stride, layer.padding)
            beyond = tuple(max(0, extra) for extra in layer.extra)
            module = kind(width, layer.channels, *shape, beyond, bias=layer.bias)
        case Pooling():
            largest = nn.MaxPool2d if flat else nn.MaxPool3d
            mean = nn.AvgPool2d if flat else nn.AvgPool3d
            kind = largest if layer.kind == "max_pool" else mean
            module = kind(layer.kernel, layer.stride, layer.padding)
        case Norm():
            module = _norm(layer, width, flat)
        case Activation():
            module = _activation(layer, config.in_place(position))
        case Upsampling():
            module = _Interpolation(layer.kind, layer.factor)
        case Join() | EdgeRepetition():
            raise AssertionError("they are no modules")
    assert isinstance(module, nn.Module)
    return module


def _norm(layer: Norm, width: int, flat: bool) -> nn.Module:
    match layer.kind:
        case "batch":
            kind = nn.BatchNorm2d if flat else nn.BatchNorm3d
            return kind(width, layer.epsilon, affine=layer.affine)
        case "instance":
            return InstanceNorm(width, layer.affine, layer.epsilon)
        case "group":
            return GroupNorm(layer.groups, width, layer.epsilon, layer.affine)


def _activation(layer: Activation, in_place: bool) -> nn.Module:
    match layer.kind:
        case "relu":
            return nn.ReLU(in_place)
        case "leaky_relu":
            return nn.LeakyReLU(layer.slope, in_place)
        case "prelu":
            return nn.PReLU(layer.slopes)
        case "elu":
            return nn.ELU(layer.slope)
        case "gelu":
            return nn.GELU()
        case "silu":
            return nn.SiLU()
        case "mish":
            return nn.Mish()
