"""What follows from a single layer: channels, sizes, the pixels it depends on, and its cost."""

from __future__ import annotations

from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING

from napari_unet.core.graph.layers import (
    Activation,
    Convolution,
    Join,
    Norm,
    Pooling,
    TransposedConvolution,
    Upsampling,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.graph.layers import Layer

Interval = tuple[int, int]
"""The first and the last pixel of a stretch along an axis."""


def out_width(layer: Layer, widths: Sequence[int]) -> int:
    """Return the channels of a layer's output, from those of its inputs."""
    match layer:
        case Convolution() | TransposedConvolution():
            return layer.channels
        case Join(kind="concatenate"):
            return sum(widths)
    return widths[0]


def scale(layer: Layer, axis: int) -> Fraction:
    """Return how many pixels of the input one of the output is wide, along an axis."""
    match layer:
        case Convolution() | Pooling():
            return Fraction(layer.stride[axis])
        case TransposedConvolution():
            return Fraction(1, layer.stride[axis])
        case Upsampling():
            return Fraction(1, layer.factor[axis])
    return Fraction(1)


def reach(layer: Layer, axis: int, output: Interval) -> Interval:
    """Return the pixels of the input that a stretch of the output depends on, along an axis."""
    first, last = output
    match layer:
        case Convolution() | Pooling():
            stride, padding = layer.stride[axis], layer.padding[axis]
            return first * stride - padding, last * stride - padding + layer.kernel[axis] - 1
        case TransposedConvolution():
            stride, padding = layer.stride[axis], layer.padding[axis]
            return -((layer.kernel[axis] - 1 - padding - first) // stride), (
                last + padding
            ) // stride
        case Upsampling(kind="nearest"):
            return first // layer.factor[axis], last // layer.factor[axis]
        case Upsampling():
            factor = layer.factor[axis]
            # pixel i samples position (i + 1/2) / factor - 1/2
            low, high = 2 * first + 1 - factor, 2 * last + 1 - factor
            return low // (2 * factor), -(-high // (2 * factor))
    return output


def macs(layer: Layer, width: int) -> float:
    """Return the multiply-adds per pixel of a layer's output, for an input of `width` channels."""
    match layer:
        case Convolution():
            return float(layer.channels * width // layer.groups * prod(layer.kernel))
        case TransposedConvolution():
            return layer.channels * width * prod(layer.kernel) / prod(layer.stride)
    return 0.0


def parameters(layer: Layer, width: int) -> int:
    """Return the number of learnt weights of a layer, for an input of `width` channels."""
    match layer:
        case Convolution() | TransposedConvolution():
            groups = layer.groups if isinstance(layer, Convolution) else 1
            kernel = layer.channels * width // groups * prod(layer.kernel)
            return kernel + layer.bias * layer.channels
        case Norm():
            return 2 * width * layer.affine
        case Activation(kind="prelu"):
            return layer.slopes
    return 0


def fault(layer: Layer, widths: Sequence[int], ndim: int) -> str:
    """Say why a layer can't have inputs of these channels, or changes sizes unevenly; empty: it can."""
    if not isinstance(layer, Join) and len(widths) > 1:
        return "it has more than one input"
    for field in ("kernel", "stride", "padding", "factor"):
        if len(getattr(layer, field, (0,) * ndim)) != ndim:
            return f"its {field} needs {ndim} numbers"
    match layer:
        case Convolution() | Pooling():
            axes = zip(layer.kernel, layer.stride, layer.padding, strict=True)
            if not all(k - s <= 2 * p < k for k, s, p in axes):
                return f"padding {layer.padding} does not suit kernel {layer.kernel}"
        case TransposedConvolution():
            if not all(abs(e) < s for e, s in zip(layer.extra, layer.stride, strict=True)):
                return f"padding {layer.padding} does not suit kernel {layer.kernel}"
        case Join(kind="add"):
            return f"it adds {list(widths)} channels" if len(set(widths)) > 1 else ""
    return _width_fault(layer, widths[0])


def _width_fault(layer: Layer, width: int) -> str:
    grouped = isinstance(layer, (Convolution, Norm)) and width % layer.groups
    if grouped or (isinstance(layer, Convolution) and layer.channels % layer.groups):
        return f"{width} channels do not divide into its groups"
    if isinstance(layer, Activation) and layer.slopes not in (1, width):
        return f"{layer.slopes} slopes for {width} channels"
    return ""
