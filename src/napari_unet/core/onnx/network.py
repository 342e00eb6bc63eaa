"""A U-Net as an ONNX graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from napari_unet.core.graph.network import GraphNetwork
from napari_unet.core.onnx.layers import write_layers
from napari_unet.core.onnx.norms import add_norm, as_array
from napari_unet.core.onnx.protobuf import GraphWriter
from napari_unet.core.unet.fuse import fuse_batch_norm
from napari_unet.core.unet.layers import Unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from napari_unet.core.model.architecture import Network
    from napari_unet.core.unet.config import UNetConfig
    from napari_unet.core.unet.network import UNet

PRODUCER = "U-Net Studio"
INPUT, OUTPUT = "image", "logits"
"""Names of the graph's input and output."""

NORMALISED = "normalised"
"""Name of the features that the network starts with."""

Range = tuple[float, float]
"""Lowest and highest value of some features."""

PARTS = ("low", "high", "weight")
"""How an axis is stretched: the neighbours of each pixel, and the weight of the second."""


def to_onnx(
    network: Network,
    *,
    tiled: bool = False,
    ranges: Mapping[str, Range] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """Write a network as an ONNX file.

    Parameters
    ----------
    network
        The network; it is not changed. Batch norms are fused into the convolutions.
    tiled
        Whether its input may be a tile of a larger image. For upsampling with aligned corners the graph
        then has further inputs, `stretch_name`.
    ranges
        Lowest and highest value of the features, by `NORMALISED`, `feature_name` and `up_name`, where
        these are to be in 8 bits; a skip connection and what it is joined with have the same. None: all
        is in 32 bits.
    metadata
        Free texts by name, kept in the file.

    Returns
    -------
    bytes
        Input `INPUT`, (N, in_channels, [Z,] Y, X) float32; sizes are multiples of the total stride.
        Output `OUTPUT`, the logits.
    """
    config, writer = network.config, GraphWriter()
    spatial = [letter.lower() for letter in config.spatial]
    writer.input(INPUT, ("batch", config.in_channels, *spatial))
    write_network(network, writer, INPUT, tiled=tiled, ranges=ranges)
    writer.output(OUTPUT, ("batch", config.out_channels, *spatial))
    return writer.model("network", PRODUCER, metadata or {})


def write_network(
    network: Network,
    writer: GraphWriter,
    x: str,
    *,
    tiled: bool = False,
    ranges: Mapping[str, Range] | None = None,
) -> str:
    """Add a network to a graph, and return the name of its logits.

    Parameters
    ----------
    network, tiled, ranges
        As for `to_onnx`.
    writer
        The graph.
    x
        Name of what the network is given, (N, in_channels, [Z,] Y, X).
    """
    if isinstance(network, GraphNetwork):
        write_layers(network, writer, x, OUTPUT)
        return OUTPUT
    return _Network(fuse_batch_norm(network), tiled, dict(ranges or {}), writer).build(x)


def stretch_name(level: int, axis: int, part: str) -> str:
    """Return the name of an input that says how an axis is stretched into a decoder level.

    Parameters
    ----------
    level
        The decoder level.
    axis
        The spatial axis, from 0.
    part
        One of `PARTS`.
    """
    return f"{part}.{level}.{axis}"


def feature_name(side: str, level: int, unit: int) -> str:
    """Return the name of the features after a unit of a block, side ``encoder`` or ``decoder``."""
    return f"{side}.{level}.{unit}"


def up_name(level: int) -> str:
    """Return the name of the features that come up into a decoder level."""
    return f"up.{level}"


@dataclass
class _Network:
    """The graph of a network while it is built."""

    network: UNet
    tiled: bool
    ranges: dict[str, Range]
    writer: GraphWriter
    scales: dict[str, float] = field(default_factory=dict)

    @property
    def config(self) -> UNetConfig:
        return self.network.config

    def build(self, x: str) -> str:
        """Add the network, and return the name of its logits."""
        x = self._quantized(x, NORMALISED)
        skips = []
        for level, block in enumerate(self.network.encoder):
            x = self._block(x, f"encoder.{level}", block.children())
            if level < self.config.depth:
                skips.append(x)
                stride = self.config.strides[level]
                below = f"pooled.{level}"
                self._inherit(x, below)
                x = self.writer.node("MaxPool", [x], below, kernel_shape=stride, strides=stride)
        for level in reversed(range(self.config.depth)):
            x = self._upsampled(x, level)
            joined = f"joined.{level}"
            skip = skips.pop()
            if skip in self.scales and x in self.scales:
                self.scales[joined] = self.scales[skip]
            x = self.writer.node("Concat", [skip, x], joined, axis=1)
            x = self._block(x, f"decoder.{level}", self.network.decoder[level].children())
        return self._convolution(x, self.network.head, OUTPUT)

    def _inherit(self, source: str, name: str) -> None:
        if source in self.scales:
            self.scales[name] = self.scales[source]

    def _block(self, x: str, name: str, units: Iterable[nn.Module]) -> str:
        for i, unit in enumerate(units):
            assert isinstance(unit, Unit)
            x = self._unit(x, unit, f"{name}.{i}")
        return x

    def _unit(self, x: str, unit: Unit, name: str) -> str:
        x = self._convolution(x, unit.conv, f"{name}.conv")
        width, ndim = unit.conv.out_channels, self.config.ndim
        x = add_norm(self.writer, unit.norm, x, f"{name}.norm", width=width, ndim=ndim)
        if isinstance(unit.relu, nn.ReLU):
            x = self.writer.node("Relu", [x], f"{name}.relu")
        return self._quantized(x, name)

    def _convolution(self, x: str, layer: Any, name: str) -> str:
        transposed = isinstance(layer, (nn.ConvTranspose2d, nn.ConvTranspose3d))
        weight = as_array(layer.weight)
        bias = None if layer.bias is None else as_array(layer.bias)
        inputs = [x, *self._weights(name, weight, bias, transposed, x)]
        attributes: dict[str, Any] = {"kernel_shape": tuple(layer.kernel_size)}
        if transposed:
            attributes["strides"] = tuple(layer.stride)
        else:
            attributes["pads"] = tuple(layer.padding) * 2
        operator = "ConvTranspose" if transposed else "Conv"
        return self.writer.node(operator, inputs, name, **attributes)

    def _weights(
        self,
        name: str,
        weight: NDArray[np.float32],
        bias: NDArray[np.float32] | None,
        transposed: bool,
        source: str,
    ) -> list[str]:
        """Add the weights of a convolution: in 8 bits where its input is."""
        scale = self.scales.get(source)
        if scale is None:
            inputs = [self.writer.constant(f"{name}.weight", weight)]
            return inputs if bias is None else [*inputs, self.writer.constant(f"{name}.bias", bias)]
        axis = 1 if transposed else 0
        others = tuple(i for i in range(weight.ndim) if i != axis)
        step = np.maximum(np.abs(weight).max(axis=others), 1e-12) / 127
        steps = step.reshape([-1 if i == axis else 1 for i in range(weight.ndim)])
        rounded = np.clip(np.rint(weight / steps), -127, 127).astype(np.int8)
        inputs = [self._dequantized(f"{name}.weight", rounded, step, axis)]
        if bias is not None:
            fine = scale * step
            whole = np.clip(np.rint(bias / fine), -(2**31) + 1, 2**31 - 1).astype(np.int32)
            inputs.append(self._dequantized(f"{name}.bias", whole, fine, 0))
        return inputs

    def _dequantized(
        self, name: str, values: NDArray[Any], step: NDArray[np.float32], axis: int
    ) -> str:
        inputs = [
            self.writer.constant(f"{name}.int", values),
            self.writer.constant(f"{name}.step", step.astype(np.float32)),
            self.writer.constant(f"{name}.zero", np.zeros(step.shape, values.dtype)),
        ]
        return self.writer.node("DequantizeLinear", inputs, name, axis=axis)

    def _quantized(self, x: str, name: str) -> str:
        """Round features to 8 bits, if their range is known."""
        if name not in self.ranges:
            return x
        low, high = (min(self.ranges[name][0], 0.0), max(self.ranges[name][1], 0.0))
        scale = max(high - low, 1e-6) / 255
        zero = round(-low / scale)
        inputs = [
            self.writer.constant(f"{name}.step", np.array(scale, np.float32)),
            self.writer.constant(f"zero.{zero}", np.array(zero, np.uint8)),
        ]
        rounded = self.writer.node("QuantizeLinear", [x, *inputs], f"{name}.rounded")
        self.scales[name] = scale
        return self.writer.node("DequantizeLinear", [rounded, *inputs], name)

    def _upsampled(self, x: str, level: int) -> str:
        factor = self.config.strides[level]
        layer: Any = self.network.up[level]
        name = up_name(level)
        if not isinstance(layer, nn.Identity):
            x = self._convolution(x, layer, f"{name}.conv")
        if self.config.upsampling == "transposed":
            return self._quantized(x, name)
        aligned = self.config.upsampling == "linear_aligned"
        if aligned and self.tiled:
            for axis in range(self.config.ndim):
                if factor[axis] > 1:
                    x = self._stretched(x, level, axis)
        else:
            mode = "align_corners" if aligned else "half_pixel"
            scales = self.writer.constant(f"{name}.factors", np.array((1, 1, *factor), np.float32))
            x = self.writer.node(
                "Resize",
                [x, "", scales],
                f"{name}.linear",
                mode="linear",
                coordinate_transformation_mode=mode,
            )
        return self._quantized(x, name)

    def _stretched(self, x: str, level: int, axis: int) -> str:
        """Upsample along one axis with the neighbours and weights that come as inputs."""
        names = [stretch_name(level, axis, part) for part in PARTS]
        size = f"size.{level}.{axis}"
        for part in names[:2]:
            self.writer.input(part, (size,), "int64")
        shape: list[Any] = [1] * (self.config.ndim + 2)
        shape[axis + 2] = size
        self.writer.input(names[2], shape)
        name = f"{up_name(level)}.axis{axis}"
        below, above = (
            self.writer.node("Gather", [x, part], f"{name}.{kind}", axis=axis + 2)
            for part, kind in zip(names[:2], PARTS[:2], strict=True)
        )
        step = self.writer.node("Sub", [above, below], f"{name}.step")
        part = self.writer.node("Mul", [step, names[2]], f"{name}.part")
        return self.writer.node("Add", [below, part], name)
