"""Turning the graph of an ONNX file into a network of our layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from napari_unet.core.importers.families.builder import Builder
from napari_unet.core.importers.families.layouts import NotThisLayoutError
from napari_unet.core.importers.onnx.constants import compute
from napari_unet.core.importers.onnx.operators import Features, Operators, unknown

if TYPE_CHECKING:
    from napari_unet.core.importers.families.candidates import Candidate
    from napari_unet.core.importers.onnx.protobuf import Graph, Node

SIDE = 768
"""Side of the image for which sizes are followed: a multiple of every usual stride."""


@dataclass(frozen=True)
class Translated:
    """A network, and the activation that the file applies to its output; empty: none."""

    candidate: Candidate
    activation: Literal["", "sigmoid", "softmax"]


def translate(graph: Graph) -> Translated:
    """Turn a graph into a network of ours.

    Raises
    ------
    NotThisLayoutError
        When it has operators, or uses of them, that no layer stands for.
    """
    return _Translation(graph).run()


class _Translation:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._values: dict[str, Any] = dict(graph.constants)
        if len(graph.inputs) != 1:
            raise NotThisLayoutError(f"it has {len(graph.inputs)} inputs")
        convs = [n for n in graph.nodes if n.kind == "Conv" and n.inputs[1] in graph.constants]
        if not convs:
            raise NotThisLayoutError("it has no convolution")
        first = torch.from_numpy(graph.constants[convs[0].inputs[1]].astype(np.float32))
        self._build = Builder({"first.weight": first}, "first")
        self._build.drop("first.")
        self._operators = Operators(self._build)
        ((name, shape),) = graph.inputs.items()
        if shape and len(shape) != self._build.ndim + 2:
            raise NotThisLayoutError(f"its input has {len(shape)} axes")
        sides = (SIDE,) * self._build.ndim
        self._values[name] = Features(0, (1, self._build.width(0), *sides))

    def run(self) -> Translated:
        output = next(iter(self._graph.outputs), "")
        for node in self._needed(output):
            self._values[node.outputs[0]] = self._node(node)
        end = self._values.get(output)
        if not isinstance(end, Features) or end.state not in ("", "sigmoid", "softmax"):
            raise NotThisLayoutError("its output does not come from its layers")
        candidate = self._build.finish()
        if end.position != len(candidate.config.layers):  # type: ignore[union-attr]
            raise NotThisLayoutError("its output is not that of its last layer")
        return Translated(candidate, end.state)  # type: ignore[arg-type]

    def _needed(self, output: str) -> list[Node]:
        """Return the operators on which an output depends."""
        wanted, found = {output}, []
        for node in reversed(self._graph.nodes):
            if wanted & set(node.outputs):
                wanted |= set(node.inputs)
                found.append(node)
        return found[::-1]

    def _node(self, node: Node) -> Any:
        try:
            inputs = [self._values[name] if name else None for name in node.inputs]
        except KeyError as error:
            raise NotThisLayoutError(f"{node.kind} uses {error}, which there is not") from error
        if node.kind == "Shape" and isinstance(inputs[0], Features):
            return np.array(inputs[0].shape, np.int64)
        if not any(isinstance(value, Features) for value in inputs):
            try:
                found = compute(node.kind, inputs, node.attributes)
            except (ValueError, TypeError, KeyError, IndexError, AssertionError) as error:
                raise NotThisLayoutError(f"{node.kind} can't be computed") from error
            if found is None:
                raise unknown(node)
            return found
        return self._operators.add(node, inputs)
