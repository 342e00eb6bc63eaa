"""The graph of a ZEISS package: normalisation, network and activation, channels last."""

from __future__ import annotations

from math import ceil, floor, prod
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.onnx.network import PRODUCER, write_network
from napari_unet.core.onnx.protobuf import GraphWriter

if TYPE_CHECKING:
    from napari_unet.core.image.normalization import Normalization
    from napari_unet.core.model.spec import Model, ModelSpec

OBJECT_CLASSES = ("background", "boundary", "interior")
"""What the maps of a network for objects become."""
EIGHT_BITS = 255.0
"""ZEN divides pixels by the largest value of their type, which is taken for this one."""


def classes_of(spec: ModelSpec) -> tuple[str, ...]:
    """Return the names of the classes that a package gives, background first."""
    if spec.task == "objects":
        return OBJECT_CLASSES
    return spec.classes if spec.activation == "softmax" else ("background", *spec.classes)


def pixels_to_classes(model: Model, shape: tuple[int, ...]) -> bytes:
    """Return an ONNX file that takes a tile and gives the probability of each class.

    Parameters
    ----------
    model
        The model.
    shape
        Spatial shape of a tile.

    Returns
    -------
    bytes
        Input (1, [Z,] Y, X, in_channels) float32 in [0, 1], as ZEN gives it: pixels are normalised in
        the graph, over the tile where ours measures the frame. Output (1, [Z,] Y, X, classes) float32.
    """
    spec, writer = model.spec, GraphWriter()
    last = (0, *range(2, len(shape) + 2), 1)
    first = (0, len(shape) + 1, *range(1, len(shape) + 1))
    pixels = writer.input("pixels", (1, *shape, spec.config.in_channels))
    x = writer.node("Transpose", [pixels], "channels first", perm=first)
    x = _normalised(writer, x, spec.normalization, (spec.config.in_channels, *shape))
    x = write_network(model.network, writer, x)
    x = _probabilities(writer, x, spec)
    x = writer.node("Transpose", [x], "classes", perm=last)
    writer.output(x, (1, *shape, len(classes_of(spec))))
    return writer.model("network", PRODUCER, {"name": spec.name})


def _normalised(
    writer: GraphWriter, x: str, normalization: Normalization, shape: tuple[int, ...]
) -> str:
    match normalization.kind:
        case "linear":
            x = _linear(writer, x, normalization, len(shape) - 1)
        case "zscore":
            x = _zscore(writer, x, normalization, len(shape) - 1)
        case "percentile":
            x = _between_percentiles(writer, x, normalization, shape)
        case "divide_255":
            # pixels of 8 bits come divided already
            pass
    if normalization.clip is None:
        return x
    limits = [
        writer.constant(name, np.array(value, np.float32))
        for name, value in zip(("least", "most"), normalization.clip, strict=True)
    ]
    return writer.node("Clip", [x, *limits], "clipped")


def _column(writer: GraphWriter, name: str, values: tuple[float, ...] | float, spatial: int) -> str:
    """Add a number for all channels or one for each, in the dimensions of an image."""
    shape = (1, -1, *[1] * spatial)
    return writer.constant(name, np.asarray(values, np.float32).reshape(shape))


def _linear(writer: GraphWriter, x: str, normalization: Normalization, spatial: int) -> str:
    # of pixels from 0 to 255
    gain = tuple(EIGHT_BITS * each for each in normalization.gain)
    x = writer.node("Mul", [x, _column(writer, "gain", gain, spatial)], "scaled")
    offset = _column(writer, "offset", normalization.offset, spatial)
    return writer.node("Add", [x, offset], "normalised pixels")


def _zscore(writer: GraphWriter, x: str, normalization: Normalization, spatial: int) -> str:
    axes = tuple(range(1 + normalization.per_channel, spatial + 2))
    mean = writer.node("ReduceMean", [x], "mean", axes=axes, keepdims=1)
    x = writer.node("Sub", [x, mean], "centred")
    square = writer.node("Mul", [x, x], "square")
    variance = writer.node("ReduceMean", [square], "variance", axes=axes, keepdims=1)
    spread = writer.node("Sqrt", [variance], "deviation")
    epsilon = _column(writer, "epsilon", _epsilon(normalization), spatial)
    return _divided(writer, x, spread, epsilon)


def _between_percentiles(
    writer: GraphWriter, x: str, normalization: Normalization, shape: tuple[int, ...]
) -> str:
    channels, *spatial = shape
    groups = channels if normalization.per_channel else 1
    n = prod(shape) // groups
    by_channel = writer.constant("by channel", (groups, n))
    flat = writer.node("Reshape", [x, by_channel], "flat pixels")
    column = (1, groups, *[1] * len(spatial))
    low, high = (
        _percentile(writer, flat, q, n, column) for q in (normalization.low, normalization.high)
    )
    x = writer.node("Sub", [x, low], "above the low percentile")
    spread = writer.node("Sub", [high, low], "between percentiles")
    epsilon = _column(writer, "epsilon", _epsilon(normalization), len(spatial))
    return _divided(writer, x, spread, epsilon)


def _epsilon(normalization: Normalization) -> float:
    return normalization.epsilon / EIGHT_BITS


def _divided(writer: GraphWriter, x: str, spread: str, epsilon: str) -> str:
    divisor = writer.node("Add", [spread, epsilon], "divisor")
    return writer.node("Div", [x, divisor], "normalised pixels")


def _percentile(writer: GraphWriter, flat: str, q: float, n: int, shape: tuple[int, ...]) -> str:
    """Add a percentile of each row, interpolated as NumPy does; only the smaller side is sorted."""
    place = q / 100 * (n - 1)
    name, from_top = f"percentile {q:g}", q > 50
    below, above = (
        (n - 1 - floor(place), n - 1 - ceil(place)) if from_top else (floor(place), ceil(place))
    )
    count = writer.constant(f"{name}, count", (max(below, above) + 1,))
    values = f"{name}, sorted"
    writer.node(
        "TopK",
        [flat, count],
        values,
        more=(f"{name}, places",),
        axis=1,
        largest=int(from_top),
        sorted=1,
    )
    ends = [
        writer.node(
            "Gather", [values, writer.constant(f"{name}, {side}", (at,))], f"{name} {side}", axis=1
        )
        for side, at in (("below", below), ("above", above))
    ]
    step = writer.node("Sub", [ends[1], ends[0]], f"{name}, step")
    share = writer.constant(f"{name}, share", np.float32(place - floor(place)).reshape(1, 1))
    part = writer.node("Mul", [step, share], f"{name}, part")
    found = writer.node("Add", [ends[0], part], f"{name}, found")
    return writer.node("Reshape", [found, writer.constant(f"{name}, shape", shape)], name)


def _probabilities(writer: GraphWriter, x: str, spec: ModelSpec) -> str:
    if spec.task == "objects":
        return _of_objects(writer, writer.node("Sigmoid", [x], "maps"))
    match spec.activation:
        case "softmax":
            return writer.node("Softmax", [x], "probabilities", axis=1)
        case "sigmoid":
            x = writer.node("Sigmoid", [x], "each class")
    # what is none of the classes, whose probabilities are each its own
    likeliest = writer.node("ReduceMax", [x], "likeliest class", axes=(1,), keepdims=1)
    one = writer.constant("one", np.array(1, np.float32))
    background = writer.node("Sub", [one, likeliest], "no class")
    return writer.node("Concat", [background, x], "probabilities", axis=1)


def _of_objects(writer: GraphWriter, maps: str) -> str:
    foreground, boundary = (
        writer.node("Gather", [maps, writer.constant(f"map {i}", (i,))], name, axis=1)
        for i, name in enumerate(("foreground", "at a boundary"))
    )
    one = writer.constant("one", np.array(1, np.float32))
    background = writer.node("Sub", [one, foreground], "no object")
    edge = writer.node("Mul", [foreground, boundary], "boundary")
    interior = writer.node("Sub", [foreground, edge], "interior")
    return writer.node("Concat", [background, edge, interior], "probabilities", axis=1)
