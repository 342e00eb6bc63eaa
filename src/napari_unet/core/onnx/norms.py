"""Instance and group norms in an ONNX graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from napari_unet.core.unet.layers import GroupNorm, InstanceNorm

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.core.onnx.protobuf import GraphWriter


def add_norm(
    writer: GraphWriter, norm: nn.Module, x: str, name: str, *, width: int, ndim: int
) -> str:
    """Add a norm to a graph, and return the name of its output.

    Parameters
    ----------
    writer
        The graph.
    norm
        The norm; of a batch norm, the statistics; one that was fused adds nothing.
    x
        Name of the features.
    name
        Name of the output.
    width
        Number of channels.
    ndim
        Number of spatial axes.
    """
    column = (1, width) + (1,) * ndim
    match norm:
        case InstanceNorm():
            gain, bias = _learnt(norm, width)
            return _instance_norm(writer, x, gain, bias, name, norm.epsilon)
        case GroupNorm():
            groups = norm.num_groups
            shape = writer.constant(f"{name}.groups", (0, groups, -1))
            x_shape = writer.node("Shape", [x], f"{name}.shape")
            x = writer.node("Reshape", [x, shape], f"{name}.flat")
            ones, zeros = np.ones(groups, np.float32), np.zeros(groups, np.float32)
            x = _instance_norm(writer, x, ones, zeros, f"{name}.measured", norm.eps)
            x = writer.node("Reshape", [x, x_shape], f"{name}.normed")
            gain, bias = (part.reshape(column) for part in _learnt(norm, width))
            return _scaled(writer, x, gain, bias, name)
        case nn.BatchNorm2d() | nn.BatchNorm3d():
            gain, bias = _learnt(norm, width)
            assert norm.running_mean is not None
            assert norm.running_var is not None
            constants = (gain, bias, as_array(norm.running_mean), as_array(norm.running_var))
            parts = zip(("gain", "bias", "mean", "variance"), constants, strict=True)
            inputs = [x, *(writer.constant(f"{name}.{part}", array) for part, array in parts)]
            return writer.node("BatchNormalization", inputs, name, epsilon=norm.eps)
    return x


def _learnt(norm: Any, width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    gain = np.ones(width, np.float32) if norm.weight is None else as_array(norm.weight)
    bias = np.zeros(width, np.float32) if norm.bias is None else as_array(norm.bias)
    return gain, bias


def _scaled(
    writer: GraphWriter, x: str, gain: NDArray[np.float32], bias: NDArray[np.float32], name: str
) -> str:
    x = writer.node("Mul", [x, writer.constant(f"{name}.gain", gain)], f"{name}.scaled")
    return writer.node("Add", [x, writer.constant(f"{name}.bias", bias)], name)


def _instance_norm(
    writer: GraphWriter,
    x: str,
    gain: NDArray[np.float32],
    bias: NDArray[np.float32],
    name: str,
    epsilon: float,
) -> str:
    inputs = [
        x,
        writer.constant(f"{name}.gain", gain),
        writer.constant(f"{name}.bias", bias),
    ]
    return writer.node("InstanceNormalization", inputs, name, epsilon=epsilon)


def as_array(tensor: Any) -> NDArray[np.float32]:
    """Return a tensor as an array of float32 on the CPU."""
    array: NDArray[np.float32] = tensor.detach().cpu().float().contiguous().numpy()
    return array
