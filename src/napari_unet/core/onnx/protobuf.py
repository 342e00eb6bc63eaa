"""Writing ONNX files: the few messages of its protobuf format that a U-Net needs.

The numbers of the fields are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

Attribute = int | float | str | tuple[int, ...]
Dimension = int | str

IR_VERSION, OPSET = 8, 17
"""Old enough for programs of 2022, new enough for every layer of a U-Net."""

_TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7}
_VARINT, _BYTES, _FIXED32 = 0, 2, 5


def _varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _int(number: int, value: int) -> bytes:
    return _varint(number << 3 | _VARINT) + _varint(value)


def _bytes(number: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | _BYTES) + _varint(len(data)) + data


def _attribute(name: str, value: Attribute) -> bytes:
    match value:
        case int():
            body, kind = _int(3, value), 2
        case float():
            body, kind = _varint(2 << 3 | _FIXED32) + struct.pack("<f", value), 1
        case str():
            body, kind = _bytes(4, value), 3
        case tuple():
            body, kind = b"".join(_int(8, n) for n in value), 7
    return _bytes(1, name) + body + _int(20, kind)


def _tensor(name: str, array: NDArray[Any]) -> bytes:
    dims = b"".join(_int(1, n) for n in array.shape)
    # ascontiguousarray would give a number an axis
    raw = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    return dims + _int(2, _TYPES[array.dtype.name]) + _bytes(8, name) + _bytes(9, raw)


def _value(name: str, shape: Sequence[Dimension], dtype: str) -> bytes:
    dims = (_int(1, n) if isinstance(n, int) else _bytes(2, n) for n in shape)
    tensor = _int(1, _TYPES[dtype]) + _bytes(2, b"".join(_bytes(1, d) for d in dims))
    return _bytes(1, name) + _bytes(2, _bytes(1, tensor))


@dataclass
class GraphWriter:
    """Collects the nodes of a graph, in the order in which they are computed."""

    _nodes: list[bytes] = field(default_factory=list)
    _constants: dict[str, bytes] = field(default_factory=dict)
    _inputs: list[bytes] = field(default_factory=list)
    _outputs: list[bytes] = field(default_factory=list)

    def node(
        self,
        operator: str,
        inputs: Sequence[str],
        output: str,
        *,
        more: Sequence[str] = (),
        **attributes: Attribute,
    ) -> str:
        """Add an operator of the standard set, and return the name of its first output.

        Parameters
        ----------
        operator
            Its name, such as ``Conv``.
        inputs
            Names of its inputs; empty: left out.
        output
            Name of its first output, and of the node.
        more
            Names of its other outputs.
        attributes
            Its attributes.
        """
        body = b"".join(_bytes(1, name) for name in inputs)
        body += b"".join(_bytes(2, name) for name in (output, *more))
        body += _bytes(3, output) + _bytes(4, operator)
        body += b"".join(_bytes(5, _attribute(*item)) for item in attributes.items())
        self._nodes.append(body)
        return output

    def constant(self, name: str, array: NDArray[Any] | Sequence[int]) -> str:
        """Add an array, or whole numbers, and return its name; twice the same name is the same array."""
        if name not in self._constants:
            kept = array if isinstance(array, np.ndarray) else np.asarray(array, np.int64)
            self._constants[name] = _tensor(name, kept)
        return name

    def input(self, name: str, shape: Sequence[Dimension], dtype: str = "float32") -> str:
        """Add an input of the graph; sizes that may be any are given by a name."""
        self._inputs.append(_value(name, shape, dtype))
        return name

    def output(self, name: str, shape: Sequence[Dimension], dtype: str = "float32") -> None:
        """Add an output of the graph."""
        self._outputs.append(_value(name, shape, dtype))

    def model(self, name: str, producer: str, metadata: Mapping[str, str]) -> bytes:
        """Return the ONNX file.

        Parameters
        ----------
        name, producer
            Name of the graph, and of the program.
        metadata
            Free texts by name.
        """
        graph = b"".join(_bytes(1, node) for node in self._nodes) + _bytes(2, name)
        graph += b"".join(_bytes(5, tensor) for tensor in self._constants.values())
        graph += b"".join(_bytes(11, value) for value in self._inputs)
        graph += b"".join(_bytes(12, value) for value in self._outputs)
        body = _int(1, IR_VERSION) + _bytes(2, producer) + _bytes(7, graph)
        body += _bytes(8, _bytes(1, "") + _int(2, OPSET))
        for item in metadata.items():
            body += _bytes(14, _bytes(1, item[0]) + _bytes(2, item[1]))
        return body
