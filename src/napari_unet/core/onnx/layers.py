"""A network that is described layer by layer as an ONNX graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.errors import UserError
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
from napari_unet.core.onnx.norms import add_norm, as_array

if TYPE_CHECKING:
    from napari_unet.core.graph.layers import Layer
    from napari_unet.core.graph.network import GraphNetwork
    from napari_unet.core.onnx.protobuf import GraphWriter

_POOLS = {"max_pool": "MaxPool", "average_pool": "AveragePool"}


def write_layers(network: GraphNetwork, writer: GraphWriter, source: str, target: str) -> None:
    """Add the layers of a network to a graph.

    Parameters
    ----------
    network
        The network; it is not changed.
    writer
        The graph.
    source, target
        Names of the image and of the logits.
    """
    names, widths, ndim = [source], network.config.widths, network.config.ndim
    last = len(network.config.layers)
    for position, layer in enumerate(network.config.layers, start=1):
        inputs = [names[i] for i in layer.inputs]
        name = target if position == last else f"layer.{position}"
        if isinstance(layer, EdgeRepetition):
            raise UserError(
                "This network can't be written as an ONNX file",
                value="transposed convolutions that are brought to size by nearest neighbours",
                rule="What an ONNX file computes must not depend on where in an image a tile lies.",
                remedy="Use it in U-Net Studio.",
            )
        if isinstance(layer, Join):
            names.append(_join(writer, layer, inputs, name))
            continue
        module = network.layers[str(position)]
        width = widths[layer.inputs[0]]
        names.append(_layer(writer, layer, module, inputs[0], name, width=width, ndim=ndim))


def _join(writer: GraphWriter, layer: Join, inputs: list[str], name: str) -> str:
    if layer.kind == "concatenate":
        return writer.node("Concat", inputs, name, axis=1)
    return writer.node("Sum", inputs, name)


def _layer(
    writer: GraphWriter, layer: Layer, module: Any, x: str, name: str, *, width: int, ndim: int
) -> str:
    match layer:
        case Convolution() | TransposedConvolution():
            return _convolution(writer, layer, module, x, name)
        case Pooling():
            attributes: dict[str, Any] = _window(layer)
            if layer.kind == "average_pool":
                attributes["count_include_pad"] = 1
            return writer.node(_POOLS[layer.kind], [x], name, **attributes)
        case Norm():
            return add_norm(writer, module, x, name, width=width, ndim=ndim)
        case Activation():
            return _activation(writer, layer, module, x, name, ndim)
        case Upsampling():
            factor = np.array((1, 1, *layer.factor), np.float32)
            scales = writer.constant(f"{name}.factors", factor)
            if layer.kind == "linear":
                how = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
            else:
                how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric"}
                how["nearest_mode"] = "floor"
            return writer.node("Resize", [x, "", scales], name, **how)
    raise AssertionError(layer)


def _window(layer: Convolution | TransposedConvolution | Pooling) -> dict[str, Any]:
    return {"kernel_shape": layer.kernel, "strides": layer.stride, "pads": layer.padding * 2}


def _convolution(
    writer: GraphWriter,
    layer: Convolution | TransposedConvolution,
    module: Any,
    x: str,
    name: str,
) -> str:
    attributes: dict[str, Any] = _window(layer)
    if isinstance(layer, Convolution):
        operator = "Conv"
        attributes["group"] = layer.groups
    else:
        operator = "ConvTranspose"
        cropped = (p - min(0, e) for p, e in zip(layer.padding, layer.extra, strict=True))
        attributes["pads"] = (*layer.padding, *cropped)
        attributes["output_padding"] = tuple(max(0, extra) for extra in layer.extra)
    inputs = [x, writer.constant(f"{name}.weight", as_array(module.weight))]
    if module.bias is not None:
        inputs.append(writer.constant(f"{name}.bias", as_array(module.bias)))
    return writer.node(operator, inputs, name, **attributes)


def _activation(
    writer: GraphWriter, layer: Activation, module: Any, x: str, name: str, ndim: int
) -> str:
    match layer.kind:
        case "relu":
            return writer.node("Relu", [x], name)
        case "leaky_relu":
            return writer.node("LeakyRelu", [x], name, alpha=layer.slope)
        case "elu":
            return writer.node("Elu", [x], name, alpha=layer.slope)
        case "prelu":
            # one slope for each channel lies along the axis before the spatial ones
            slopes = as_array(module.weight)
            slope = writer.constant(f"{name}.slope", slopes.reshape(-1, *(1,) * ndim))
            return writer.node("PRelu", [x, slope], name)
        case "silu":
            gate = writer.node("Sigmoid", [x], f"{name}.gate")
        case "mish":
            soft = writer.node("Softplus", [x], f"{name}.soft")
            gate = writer.node("Tanh", [soft], f"{name}.gate")
        case "gelu":
            root = writer.constant("root_half", np.array(0.5**0.5, np.float32))
            half = writer.constant("half", np.array(0.5, np.float32))
            error = writer.node(
                "Erf", [writer.node("Mul", [x, root], f"{name}.x")], f"{name}.error"
            )
            part = writer.node("Mul", [error, half], f"{name}.part")
            gate = writer.node("Add", [part, half], f"{name}.gate")
    return writer.node("Mul", [x, gate], name)
