"""Reading ONNX files: the messages of its protobuf format that hold a network.

The numbers of the fields are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.importers.families.layouts import NotThisLayoutError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

MAX_NODES = 20_000
MAX_NUMBERS = 1 << 31
"""Of a tensor; more is damage, or an attack on the memory."""

_TYPES = {1: "<f4", 2: "u1", 3: "i1", 6: "<i4", 7: "<i8", 9: "?", 10: "<f2", 11: "<f8"}
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_EXTERNAL = 1

Fields = dict[int, list[Any]]


@dataclass(frozen=True)
class Node:
    """An operator.

    Attributes
    ----------
    kind
        Its name, with the domain before it if it is not of the standard set.
    inputs, outputs
        Names of tensors; empty: left out.
    attributes
        Numbers, texts, tuples of them and arrays, by name.
    """

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Graph:
    """A network.

    Attributes
    ----------
    nodes
        The operators, in the order in which they can be computed.
    constants
        Arrays by name.
    inputs, outputs
        Sizes by name; None: any, or not stated.
    """

    nodes: tuple[Node, ...]
    constants: Mapping[str, NDArray[Any]]
    inputs: Mapping[str, tuple[int | None, ...]]
    outputs: Mapping[str, tuple[int | None, ...]]


def read_graph(data: bytes) -> Graph:
    """Read the network of an ONNX file.

    Raises
    ------
    NotThisLayoutError
        When it is damaged, or its weights lie in other files.
    """
    try:
        model = _fields(memoryview(data))
        graph = _fields(model[7][0])
        if len(graph.get(1, ())) > MAX_NODES:
            raise NotThisLayoutError(f"it has {len(graph[1]):,} operators")
        nodes = [_node(each) for each in graph.get(1, ())]
        constants = dict(_tensor(each) for each in graph.get(5, ()))
        values = [dict(_value(each) for each in graph.get(number, ())) for number in (11, 12)]
    except (IndexError, KeyError, struct.error, TypeError, ValueError) as error:
        raise NotThisLayoutError("the file is damaged") from error
    inputs = {name: shape for name, shape in values[0].items() if name not in constants}
    return Graph(tuple(nodes), constants, inputs, values[1])


def _fields(data: memoryview) -> Fields:
    """Return the fields of a message by number."""
    found: Fields = {}
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        value: Any
        match kind:
            case 0:
                value, at = _varint(data, at)
            case 1:
                value, at = data[at : at + 8], at + 8
            case 2:
                length, at = _varint(data, at)
                value, at = data[at : at + length], at + length
            case 5:
                value, at = data[at : at + 4], at + 4
            case _:
                raise ValueError(f"a field of kind {kind}")
        if at > len(data):
            raise ValueError("it is cut short")
        found.setdefault(number, []).append(value)
    return found


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return number, at
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")


def _signed(number: int) -> int:
    return number - (1 << 64) if number >> 63 else number


def _numbers(values: list[Any]) -> Iterator[int]:
    """Return whole numbers, which may be packed."""
    for value in values:
        if isinstance(value, int):
            yield _signed(value)
            continue
        at = 0
        while at < len(value):
            number, at = _varint(value, at)
            yield _signed(number)


def _text(fields: Fields, number: int) -> str:
    return str(fields[number][0], "utf-8") if number in fields else ""


def _node(data: memoryview) -> Node:
    fields = _fields(data)
    inputs, outputs = (
        tuple(str(name, "utf-8") for name in fields.get(number, ())) for number in (1, 2)
    )
    domain, kind = _text(fields, 7), _text(fields, 4)
    attributes = dict(_attribute(each) for each in fields.get(5, ()))
    kind = kind if domain in ("", "ai.onnx") else f"{domain}.{kind}"
    return Node(kind, inputs, outputs, attributes)


def _attribute(data: memoryview) -> tuple[str, Any]:
    fields = _fields(data)
    name = _text(fields, 1)
    if 5 in fields:
        return name, _tensor(fields[5][0])[1]
    if 8 in fields:
        return name, tuple(_numbers(fields[8]))
    if 7 in fields:
        packed = b"".join(bytes(each) for each in fields[7])
        return name, struct.unpack(f"<{len(packed) // 4}f", packed)
    if 4 in fields:
        return name, _text(fields, 4)
    if 2 in fields:
        return name, struct.unpack("<f", fields[2][0])[0]
    # what is 0 may be left out
    return name, _signed(fields[3][0]) if 3 in fields else 0


def _tensor(data: memoryview) -> tuple[str, NDArray[Any]]:
    fields = _fields(data)
    name, shape = _text(fields, 8), tuple(_numbers(fields.get(1, [])))
    if fields.get(14) == [_EXTERNAL] or 13 in fields:
        raise NotThisLayoutError("its weights lie in other files")
    kind = fields.get(2, [0])[0]
    if kind not in _TYPES or any(n < 0 for n in shape) or prod(shape) > MAX_NUMBERS:
        raise NotThisLayoutError(f"{name} is of kind {kind} and shape {shape}")
    dtype = np.dtype(_TYPES[kind])
    if 9 in fields:
        flat = np.frombuffer(fields[9][0], dtype)
    elif 4 in fields or 10 in fields:
        flat = np.frombuffer(
            b"".join(bytes(each) for each in fields.get(4, fields.get(10, []))), dtype
        )
    else:
        flat = np.array(list(_numbers(fields.get(7, fields.get(5, [])))), dtype)
    if flat.size != prod(shape):
        raise NotThisLayoutError(f"{name} has {flat.size} numbers, not {prod(shape)}")
    return name, flat.reshape(shape)


def _value(data: memoryview) -> tuple[str, tuple[int | None, ...]]:
    fields = _fields(data)
    shape: list[int | None] = []
    try:
        tensor = _fields(_fields(fields[2][0])[1][0])
        for each in _fields(tensor[2][0]).get(1, ()):
            size = _fields(each).get(1, [0])[0]
            shape.append(size or None)
    except KeyError:
        shape = []
    return _text(fields, 1), tuple(shape)
