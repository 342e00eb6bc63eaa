"""Building the description of a network layer by layer, out of the tensors of a state dict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch
from pydantic import ValidationError

from napari_unet.core.graph.config import LayerGraph
from napari_unet.core.graph.geometry import out_width
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
from napari_unet.core.graph.network import GraphNetwork
from napari_unet.core.importers.families.candidates import Candidate
from napari_unet.core.importers.families.layouts import NotThisLayoutError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_unet.core.graph.layers import Layer
    from napari_unet.core.importers.families.layouts import Tensors

IMAGE = 0
"""Position of the image."""

Numbers = int | tuple[int, ...]


class Builder:
    """Takes tensors out of a state dict, and adds the layers they belong to.

    All methods that add a layer take the position of its input, and return that of its output.

    Parameters
    ----------
    tensors
        The weights by name.
    first
        Name of a convolution that sees the image: it tells dimensions and channels.

    Raises
    ------
    NotThisLayoutError
        Also from each method: when a tensor is missing or has another shape.
    """

    def __init__(self, tensors: Tensors, first: str) -> None:
        self.remaining = dict(tensors)
        self._layers: list[Layer] = []
        self._weights: Tensors = {}
        shape = self.shape(first)
        if len(shape) not in (4, 5):
            raise NotThisLayoutError(f"{first} is not a convolution in 2-D or 3-D")
        self.ndim: Literal[2, 3] = 2 if len(shape) == 4 else 3
        self._widths = [shape[1]]

    def has(self, name: str, part: str = "weight") -> bool:
        """Whether there is a tensor ``name.part``, not taken yet."""
        return f"{name}.{part}" in self.remaining

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of the weights of a layer."""
        if not self.has(name):
            raise NotThisLayoutError(f"{name}.weight is missing")
        return tuple(self.remaining[f"{name}.weight"].shape)

    def count(self, pattern: str) -> int:
        """Return how many of the names ``pattern.format(0)``, ``pattern.format(1)``, … are in use."""
        n = 0
        while any(key.startswith(pattern.format(n)) for key in self.remaining):
            n += 1
        return n

    def width(self, position: int) -> int:
        """Return the channels at a position."""
        return self._widths[position]

    def drop(self, *prefixes: str) -> None:
        """Leave out the tensors whose names begin so, as the network does in inference."""
        for key in [key for key in self.remaining if key.startswith(prefixes)]:
            del self.remaining[key]

    def conv(
        self,
        x: int,
        name: str,
        stride: Numbers = 1,
        *,
        bias: bool = False,
        groups: int = 1,
        padding: Numbers | None = None,
    ) -> int:
        """Add a convolution.

        Parameters
        ----------
        x
            Position of its input.
        name
            Its name in the state dict.
        stride
            Its stride, one for all axes or one for each.
        bias
            Whether it gets a bias of 0 if it has none.
        groups
            Groups of channels.
        padding
            Pixels of padding; None: half of the kernel, which is odd.
        """
        kernel = self.shape(name)[2:]
        layer = Convolution(
            inputs=(x,),
            channels=self.shape(name)[0],
            kernel=kernel,
            stride=self._each(stride),
            padding=tuple(k // 2 for k in kernel) if padding is None else self._each(padding),
            bias=bias or self.has(name, "bias"),
            groups=groups,
        )
        return self._add(layer, self._taken(name, layer.channels, layer.bias))

    def transposed(self, x: int, name: str, stride: Numbers, padding: Numbers = 0) -> int:
        """Add a transposed convolution."""
        shape = self.shape(name)
        layer = TransposedConvolution(
            inputs=(x,),
            channels=shape[1],
            kernel=shape[2:],
            stride=self._each(stride),
            padding=self._each(padding),
            bias=self.has(name, "bias"),
        )
        return self._add(layer, self._taken(name, layer.channels, layer.bias))

    def norm(self, x: int, name: str, *, groups: int = 0, epsilon: float = 1e-5) -> int:
        """Add a norm, also if there are no weights of that name.

        It is a batch norm where there are running statistics, a group norm if `groups`, or an instance
        norm.
        """
        affine = self.has(name)
        tensors: Tensors = {}
        if affine:
            tensors = self._taken(name, self._widths[x], bias=True)
        kind: Literal["batch", "instance", "group"] = "group" if groups else "instance"
        if self.has(name, "running_mean"):
            kind = "batch"
            for part in ("running_mean", "running_var"):
                tensors[part] = self._take(f"{name}.{part}")
            tensors["num_batches_tracked"] = torch.zeros((), dtype=torch.long)
        layer = Norm(kind=kind, inputs=(x,), groups=max(groups, 1), affine=affine, epsilon=epsilon)
        return self._add(layer, tensors)

    def activate(
        self,
        x: int,
        kind: Literal["relu", "leaky_relu", "elu", "gelu", "silu", "mish"],
        slope: float = 0.01,
    ) -> int:
        """Add a function of each value."""
        return self._add(Activation(kind=kind, inputs=(x,), slope=slope))

    def prelu(self, x: int, name: str) -> int:
        """Add a ReLU with learnt slopes."""
        weight = self._take(f"{name}.weight")
        layer = Activation(kind="prelu", inputs=(x,), slopes=max(1, weight.numel()))
        return self._add(layer, {"weight": weight})

    def pool(
        self,
        x: int,
        stride: Numbers,
        kernel: Numbers | None = None,
        padding: Numbers = 0,
        kind: Literal["max_pool", "average_pool"] = "max_pool",
    ) -> int:
        """Add a pooling; without a kernel, its window is the stride."""
        layer = Pooling(
            kind=kind,
            inputs=(x,),
            kernel=self._each(stride if kernel is None else kernel),
            stride=self._each(stride),
            padding=self._each(padding),
        )
        return self._add(layer)

    def upsample(self, x: int, factor: Numbers, kind: Literal["nearest", "linear"]) -> int:
        """Add an interpolation."""
        return self._add(Upsampling(kind=kind, inputs=(x,), factor=self._each(factor)))

    def add(self, *positions: int) -> int:
        """Add up features."""
        return self._add(Join(kind="add", inputs=positions))

    def concatenate(self, *positions: int) -> int:
        """Join features along the channels."""
        return self._add(Join(kind="concatenate", inputs=positions))

    def repeat_first(self, x: int) -> int:
        """Make the first pixel along each axis a copy of the second."""
        return self._add(EdgeRepetition(inputs=(x,)))

    def finish(self, axes: Sequence[int] = ()) -> Candidate:
        """Return the network.

        Parameters
        ----------
        axes
            For each spatial axis of our images, in the order Z Y X, the axis of the network; empty: the
            same.
        """
        if self.remaining:
            raise NotThisLayoutError(f"such a network has no weights {min(self.remaining)}")
        layers, weights = self._layers, self._weights
        if axes and list(axes) != sorted(axes):
            layers = [_turned(layer, axes) for layer in layers]
            order = (0, 1, *(2 + axis for axis in axes))
            weights = {
                key: value.permute(order).contiguous() if value.dim() == len(order) else value
                for key, value in weights.items()
            }
        try:
            config = LayerGraph(ndim=self.ndim, in_channels=self._widths[0], layers=tuple(layers))
        except ValidationError as error:
            raise NotThisLayoutError(error.errors()[0]["msg"]) from error
        with torch.device("meta"):
            expected = GraphNetwork(config).state_dict()
        for key, tensor in expected.items():
            if key not in weights or weights[key].shape != tensor.shape:
                shape = list(weights[key].shape) if key in weights else "none"
                raise NotThisLayoutError(f"{key} is of shape {shape}, not {list(tensor.shape)}")
        return Candidate(config, weights)

    def _each(self, numbers: Numbers) -> tuple[int, ...]:
        return (numbers,) * self.ndim if isinstance(numbers, int) else tuple(numbers)

    def _taken(self, name: str, width: int, bias: bool) -> Tensors:
        tensors = {"weight": self._take(f"{name}.weight")}
        if bias:
            tensors["bias"] = self.remaining.pop(f"{name}.bias", torch.zeros(width))
        return tensors

    def _take(self, key: str) -> Tensor:
        if key not in self.remaining:
            raise NotThisLayoutError(f"{key} is missing")
        return self.remaining.pop(key)

    def _add(self, layer: Layer, tensors: Tensors | None = None) -> int:
        position = len(self._widths)
        self._layers.append(layer)
        self._widths.append(out_width(layer, [self._widths[i] for i in layer.inputs]))
        for part, tensor in (tensors or {}).items():
            self._weights[f"layers.{position}.{part}"] = tensor
        return position


def _turned(layer: Any, axes: Sequence[int]) -> Any:
    """Return a layer with its spatial axes in another order."""
    fields = (f for f in ("kernel", "stride", "padding", "factor") if hasattr(layer, f))
    changes = {field: tuple(getattr(layer, field)[a] for a in axes) for field in fields}
    return layer.model_copy(update=changes)
