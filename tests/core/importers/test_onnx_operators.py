"""Single operators of ONNX files: read as what they compute, or refused by what they are."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from napari_unet.core.errors import UserError
from napari_unet.core.importers.onnx.recognise import recognise_onnx
from napari_unet.core.onnx.protobuf import GraphWriter

RANDOM = np.random.default_rng(0)
FIRST, SECOND, HEAD = (
    RANDOM.normal(size=shape).astype(np.float32)
    for shape in ((4, 1, 3, 3), (4, 4, 3, 3), (2, 4, 1, 1))
)
GAIN, BIAS = (RANDOM.normal(size=4).astype(np.float32) for _ in range(2))
ONE = {"kernel_shape": (3, 3), "pads": (1, 1, 1, 1)}
DOWN = {"kernel_shape": (2, 2), "strides": (2, 2)}

Part = Callable[[GraphWriter], str]


def file_of(part: Part, **image: object) -> bytes:
    """A file with a convolution, some operators on its output ``x``, and a head."""
    writer = GraphWriter()
    writer.input("image", image.get("shape", (1, 1, "y", "x")))
    writer.node("Conv", ["image", writer.constant("first", FIRST)], "x", **ONE)
    end = part(writer)
    writer.node("Conv", [end, writer.constant("head", HEAD)], "logits", kernel_shape=(1, 1))
    writer.output("logits", (1, 2, "y", "x"))
    return writer.model("small", "test", {})


def given(f: Callable[[Tensor], Tensor]) -> Tensor:
    return F.conv2d(f(F.conv2d(IMAGE, torch.from_numpy(FIRST), padding=1)), torch.from_numpy(HEAD))


IMAGE = torch.from_numpy(RANDOM.normal(size=(1, 1, 16, 24)).astype(np.float32))
COLUMN = (4, 1, 1)


def averaged(w: GraphWriter) -> str:
    small = w.node("AveragePool", ["x"], "small", **DOWN)
    return w.node("Upsample", [small, w.constant("s", np.float32([1, 1, 2, 2]))], "up")


def added(w: GraphWriter) -> str:
    y = w.node("Conv", ["x", w.constant("second", SECOND)], "y", auto_pad="SAME_UPPER")
    return w.node("Add", ["x", y], "sum")


def passed_on(w: GraphWriter) -> str:
    kept = w.node("Dropout", [w.node("Identity", ["x"], "same")], "kept")
    window = [w.constant(n, [v]) for n, v in (("from", 0), ("to", 1 << 40), ("axis", 2))]
    return w.node("Slice", [kept, *window], "whole")


def in_groups(w: GraphWriter) -> str:
    inputs = ["x", w.constant("gain", GAIN), w.constant("bias", BIAS)]
    return w.node("GroupNormalization", inputs, "normed", num_groups=2, epsilon=1e-3)


def from_sizes(w: GraphWriter) -> str:
    """The factor comes from the size of the features, by way of what can be computed before."""
    small = w.node("MaxPool", ["x"], "small", **DOWN)
    sizes = w.node("Shape", ["x"], "sizes")
    row = w.node("Unsqueeze", [sizes, w.constant("axis", [0])], "row")
    sizes = w.node("Squeeze", [row, w.constant("axis", [0])], "again")
    how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric"}
    return w.node("Resize", [small, "", "", sizes], "up", nearest_mode="floor", **how)


def scaled(w: GraphWriter) -> str:
    y = w.node("Mul", [w.constant("gain", GAIN.reshape(COLUMN)), "x"], "y")
    return w.node("Add", [y, w.constant("half", np.array(0.5, np.float32))], "z")


READ = {
    "mean": (averaged, lambda x: F.interpolate(F.avg_pool2d(x, 2), scale_factor=2)),
    "sum": (added, lambda x: x + F.conv2d(x, torch.from_numpy(SECOND), padding=1)),
    "no change": (passed_on, lambda x: x),
    "group norm": (
        in_groups,
        lambda x: F.group_norm(x, 2, torch.from_numpy(GAIN), torch.from_numpy(BIAS), 1e-3),
    ),
    "sizes": (from_sizes, lambda x: F.interpolate(F.max_pool2d(x, 2), scale_factor=2)),
    "channels": (scaled, lambda x: x * torch.from_numpy(GAIN.reshape(COLUMN)) + 0.5),
    "elu": (lambda w: w.node("Elu", ["x"], "y", alpha=0.5), lambda x: F.elu(x, 0.5)),
    "gelu": (lambda w: w.node("Gelu", ["x"], "y"), F.gelu),
}


@pytest.mark.parametrize(("part", "expected"), READ.values(), ids=READ)
def test_it_is_read_as_what_it_computes(part: Part, expected: Callable[[Tensor], Tensor]) -> None:
    network = recognise_onnx(file_of(part), "n.onnx").candidates[0].network()
    with torch.inference_mode():
        torch.testing.assert_close(network(IMAGE), given(expected), atol=1e-5, rtol=1e-5)


def node(kind: str, *arrays: object, first: str = "x", **attributes: object) -> Part:
    """An operator on the features, and on arrays or the names of other features."""

    def add(w: GraphWriter) -> str:
        names = [
            a if isinstance(a, str) else w.constant(f"{kind}.{i}", a) for i, a in enumerate(arrays)
        ]
        return w.node(kind, [first, *names], kind, **attributes)

    return add


def twice(w: GraphWriter) -> str:
    return w.node("Sigmoid", [w.node("Sigmoid", ["x"], "once")], "y")


def scaled_groups(w: GraphWriter) -> str:
    flat = w.node("Reshape", ["x", w.constant("flat", [0, 2, -1])], "y")
    parts = [w.constant("g", GAIN[:2]), w.constant("b", BIAS[:2])]
    return w.node("InstanceNormalization", [flat, *parts], "z")


def computed(kind: str, *arrays: object, **attributes: object) -> Part:
    """An operator of arrays alone, of which the features would be multiplied by the result."""

    def add(w: GraphWriter) -> str:
        names = [w.constant(f"a{i}", a) for i, a in enumerate(arrays)]
        return w.node("Mul", ["x", w.node(kind, names, "c", **attributes)], "y")

    return add


FOUR = np.ones(4, np.float32)
WHERE = [np.array([n], np.int64) for n in (0, 8, 2)]
REFUSED = {
    "dilated": (node("Conv", SECOND, dilations=(2, 2), **ONE), "Conv is dilated"),
    "uneven": (node("Conv", SECOND, pads=(0, 0, 1, 1)), "Conv is padded unevenly"),
    "same": (node("MaxPool", auto_pad="SAME_UPPER", **DOWN), "MaxPool is padded by SAME_UPPER"),
    "edge": (node("AveragePool", **ONE), "leaves out what is padded"),
    "groups": (node("ConvTranspose", np.ones((4, 1, 2, 2), np.float32), group=4, **DOWN), "groups"),
    "odd size": (node("ConvTranspose", np.ones((4, 4, 3, 3), np.float32), **DOWN), "an odd size"),
    "scale of groups": (
        node("GroupNormalization", GAIN[:2], BIAS[:2], num_groups=2),
        "a scale for each group",
    ),
    "scaled groups": (scaled_groups, "its groups are scaled"),
    "reshape": (node("Reshape", np.array([1, -1], np.int64)), "it uses Reshape in a way"),
    "of itself": (node("Reshape", "x"), "it uses Reshape in a way"),
    "axis": (node("Concat", "x", axis=2), "along another axis than channels"),
    "pixels": (node("Add", FOUR), "differs from pixel to pixel"),
    "padded": (node("Pad", np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64)), "it pads features"),
    "cut": (node("Slice", *WHERE), "it cuts features"),
    "unknown": (node("Erf"), "it uses Erf in a way"),
    "weights": (node("InstanceNormalization", "x", BIAS), "computed from the image"),
    "twice": (twice, "it uses Sigmoid in a way"),
    "gate": (
        lambda w: w.node("Relu", [w.node("Sigmoid", ["x"], "gate")], "y"),
        "it uses Relu in a way",
    ),
    "factor": (
        node("Resize", "", np.float32([1, 1, 1.5, 1.5]), mode="nearest"),
        "other than whole factors",
    ),
    "cubic": (
        node("Resize", "", np.float32([1, 1, 2, 2]), mode="cubic"),
        "a way of its own (cubic",
    ),
    "array": (computed("Erf", FOUR), "it uses Erf in a way"),
    "misfit": (computed("Concat", FOUR, np.ones((2, 2), np.float32), axis=0), "can't be computed"),
}


@pytest.mark.parametrize(("part", "words"), REFUSED.values(), ids=REFUSED)
def test_what_no_layer_does_is_named(part: Part, words: str) -> None:
    with pytest.raises(UserError) as refused:
        recognise_onnx(file_of(part), "n.onnx")
    assert words in str(refused.value)


def test_the_image_must_be_one_of_planes_or_volumes() -> None:
    for shape, words in (((1, 1, "x"), "its input has 3 axes"), ((), "")):
        data = file_of(lambda w: "x", shape=shape)
        if words:
            with pytest.raises(UserError, match=words):
                recognise_onnx(data, "n.onnx")
        else:  # not stated
            assert recognise_onnx(data, "n.onnx").candidates

    def two(w: GraphWriter) -> str:
        return w.node("Add", ["x", w.input("other", (1, 4, "y", "x"))], "y")

    with pytest.raises(UserError, match="it has 2 inputs"):
        recognise_onnx(file_of(two), "n.onnx")
    without = GraphWriter()
    without.node("Relu", [without.input("image", (1, 1, "y", "x"))], "y")
    without.output("y", (1, 1, "y", "x"))
    with pytest.raises(UserError, match="it has no convolution"):
        recognise_onnx(without.model("small", "test", {}), "n.onnx")


# --- the bytes: other programs write the same numbers in other ways ----------------------------------


def varint(number: int) -> bytes:
    more = number >> 7
    return bytes([number & 0x7F | 0x80]) + varint(more) if more else bytes([number])


def field(number: int, value: int | bytes | str) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def tensor(name: str, array: np.ndarray, kind: int, values: bytes) -> bytes:
    dims = field(1, b"".join(varint(n) for n in array.shape))  # packed
    return dims + field(2, kind) + field(8, name) + values


FLOATS = field(4, HEAD.astype("<f4").tobytes())
DOUBLES = field(10, HEAD.astype("<f8").tobytes())


def with_head(head: bytes, extra: bytes = b"") -> bytes:
    """A file of one convolution whose weights are this message."""
    conv = field(1, "image") + field(1, "head") + field(2, "y") + field(4, "Conv")
    conv += field(5, field(1, "pads") + field(8, b"\0\0\0\0")) + extra
    graph = (
        field(1, conv) + field(5, head) + field(11, field(1, "image")) + field(12, field(1, "y"))
    )
    return field(7, graph)


@pytest.mark.parametrize(
    ("kind", "values"),
    [(1, FLOATS), (11, DOUBLES), (1, field(9, HEAD.tobytes()) + b"\x79" + bytes(8))],
    ids=["floats", "doubles", "raw, and a field unknown here"],
)
def test_weights_are_read_however_they_are_stored(kind: int, values: bytes) -> None:
    (found,) = recognise_onnx(with_head(tensor("head", HEAD, kind, values)), "n.onnx").candidates
    x = torch.rand(1, 4, 6, 5)
    with torch.inference_mode():
        expected = F.conv2d(x, torch.from_numpy(HEAD))
        torch.testing.assert_close(found.network()(x), expected)


def test_whole_numbers_are_read_however_they_are_stored() -> None:
    ones = np.ones((2, 4, 1, 1), np.float32)
    single = b"".join(field(5, 1) for _ in range(8))
    scale = struct.pack("<f", 2.0)
    extra = field(5, field(1, "unused") + field(7, scale))
    for values in (single, field(5, b"\1" * 8)):
        data = with_head(tensor("head", ones, 6, values), extra)
        (found,) = recognise_onnx(data, "n.onnx").candidates
        x = torch.rand(1, 4, 3, 3)
        with torch.inference_mode():
            torch.testing.assert_close(
                found.network()(x), x.sum(1, keepdim=True).expand(1, 2, 3, 3)
            )


DAMAGED = {
    "kind": (with_head(tensor("head", HEAD, 16, FLOATS)), "head is of kind 16"),
    "too few": (with_head(tensor("head", HEAD, 1, FLOATS[:2] + b"\0" * 4)), "damaged"),
    "numbers": (with_head(tensor("head", HEAD[:1], 1, FLOATS)), "has 8 numbers, not 4"),
    "group": (with_head(b"")[:2] + b"\x0b", "damaged"),
    "endless": (b"\x3a" + b"\xff" * 12, "damaged"),
}


@pytest.mark.parametrize(("data", "words"), DAMAGED.values(), ids=DAMAGED)
def test_other_bytes_are_refused(data: bytes, words: str) -> None:
    with pytest.raises(UserError) as refused:
        recognise_onnx(data, "n.onnx")
    assert words in str(refused.value)


def test_no_more_operators_are_read_than_a_network_has() -> None:
    many = field(7, field(1, field(4, "Relu")) * 20_001)
    with pytest.raises(UserError, match="it has 20,001 operators"):
        recognise_onnx(many, "n.onnx")
