"""The description of a network as a list of layers, and what follows from it: stride, context and cost.

Needs no torch.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property
from math import lcm, prod
from typing import TYPE_CHECKING, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_unet.core.graph import geometry
from napari_unet.core.graph.layers import Activation, EdgeRepetition, Layer, Norm
from napari_unet.core.unet.config import MAX_WIDTH

if TYPE_CHECKING:
    from napari_unet.core.graph.geometry import Interval

MAX_LAYERS, MAX_TOTAL_STRIDE = 1 << 12, 1 << 10
"""Far beyond any network; more is damage."""


class LayerGraph(BaseModel):
    """A network whose output has the size of its input.

    The image is at position 0, the output of layer i at position i + 1; the last one are the logits.
    Each layer uses what lies at earlier positions.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ndim: Literal[2, 3] = Field(2, title="Dimensions")
    in_channels: int = Field(1, ge=1, le=MAX_WIDTH, title="Input channels")
    layers: tuple[Layer, ...] = Field(min_length=1, max_length=MAX_LAYERS, title="Layers")

    @model_validator(mode="after")
    def _check(self) -> Self:
        widths = [self.in_channels]
        for position, layer in enumerate(self.layers, start=1):
            name = f"layer {position} ({layer.kind})"
            if max(layer.inputs) >= position:
                raise ValueError(f"{name} uses what comes after it")
            before = [widths[i] for i in layer.inputs]
            if cause := geometry.fault(layer, before, self.ndim):
                raise ValueError(f"{name}: {cause}")
            widths.append(geometry.out_width(layer, before))
        self._check_scales()
        return self

    def _check_scales(self) -> None:
        for axis in range(self.ndim):
            scales = self._scales(axis)
            for layer in self.layers:
                if len({scales[i] for i in layer.inputs}) > 1:
                    raise ValueError(f"a layer ({layer.kind}) has inputs of different sizes")
            if scales[-1] != 1:
                raise ValueError("the output has another size than the image")
            if self.total_stride[axis] > MAX_TOTAL_STRIDE:
                raise ValueError(f"the total stride is more than {MAX_TOTAL_STRIDE}")

    def _scales(self, axis: int) -> list[Fraction]:
        """Return the pixels of the image per pixel at each position."""
        scales = [Fraction(1)]
        for layer in self.layers:
            scales.append(scales[layer.inputs[0]] * geometry.scale(layer, axis))
        return scales

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """Channels at each position."""
        widths = [self.in_channels]
        for layer in self.layers:
            widths.append(geometry.out_width(layer, [widths[i] for i in layer.inputs]))
        return tuple(widths)

    @property
    def out_channels(self) -> int:
        """Channels of the output."""
        return self.widths[-1]

    @property
    def spatial(self) -> str:
        """Spatial axes the network works on: ``YX`` or ``ZYX``."""
        return "ZYX"[3 - self.ndim :]

    @cached_property
    def total_stride(self) -> tuple[int, ...]:
        """Smallest step by which the image can be moved so that the output moves along, per axis."""
        axes = (self._scales(axis) for axis in range(self.ndim))
        return tuple(lcm(*(scale.numerator for scale in scales)) for scales in axes)

    @property
    def tiles_exactly(self) -> bool:
        """Whether an output pixel depends on a bounded neighbourhood only, so that tiles are exact."""
        norms = (layer for layer in self.layers if isinstance(layer, Norm))
        return all(norm.kind == "batch" for norm in norms)

    @property
    def depends_on_position(self) -> bool:
        """Whether a tile at the edge of an image is computed in another way than others."""
        return any(isinstance(layer, EdgeRepetition) for layer in self.layers)

    @cached_property
    def receptive_radius(self) -> tuple[int, ...]:
        """Largest distance, per axis, between an output pixel and an input pixel it depends on."""
        radii = []
        for axis in range(self.ndim):
            reached = enumerate(self._reached(axis))
            radii.append(max(max(p - low, high - p) for p, (low, high) in reached))
        return tuple(radii)

    @cached_property
    def halo(self) -> tuple[int, ...]:
        """Context in pixels, per axis, that an output window on the grid of the stride needs."""
        halos = []
        for axis, stride in enumerate(self.total_stride):
            reached = self._reached(axis)
            halos.append(max(max(-low, high - (stride - 1)) for low, high in reached))
        return tuple(max(0, halo) for halo in halos)

    def _reached(self, axis: int) -> list[Interval]:
        """Return the pixels that each output pixel of one period of the stride depends on."""
        return [self._interval(axis, p) for p in range(self.total_stride[axis])]

    def _interval(self, axis: int, pixel: int) -> Interval:
        needed: dict[int, Interval] = {len(self.layers): (pixel, pixel)}
        for position in range(len(self.layers), 0, -1):
            if position not in needed:
                continue
            layer = self.layers[position - 1]
            low, high = geometry.reach(layer, axis, needed.pop(position))
            for source in layer.inputs:
                known = needed.get(source, (low, high))
                needed[source] = min(known[0], low), max(known[1], high)
        return needed.get(0, (pixel, pixel))

    @cached_property
    def densities(self) -> tuple[float, ...]:
        """Pixels at each position per pixel of the image."""
        axes = [self._scales(axis) for axis in range(self.ndim)]
        return tuple(1 / float(prod(scales)) for scales in zip(*axes, strict=True))

    def layer_macs_per_pixel(self) -> list[float]:
        """Multiply-adds of each layer, per input pixel."""
        return [
            geometry.macs(layer, self.widths[layer.inputs[0]]) * density
            for layer, density in zip(self.layers, self.densities[1:], strict=True)
        ]

    def macs_per_pixel(self) -> float:
        """Multiply-adds of one forward pass, per input pixel."""
        return sum(self.layer_macs_per_pixel())

    @property
    def parameters(self) -> int:
        """Number of weights, including those of the norms."""
        widths = self.widths
        return sum(geometry.parameters(x, widths[x.inputs[0]]) for x in self.layers)

    @cached_property
    def last_uses(self) -> tuple[int, ...]:
        """The last layer that uses what is at each position, by its own position."""
        last = list(range(len(self.layers) + 1))
        for position, layer in enumerate(self.layers, start=1):
            for source in layer.inputs:
                last[source] = position
        return tuple(last)

    def in_place(self, position: int) -> bool:
        """Whether a layer may overwrite its input, which nothing else needs."""
        layer = self.layers[position - 1]
        if not isinstance(layer, Activation) or layer.kind not in ("relu", "leaky_relu"):
            return False
        source = layer.inputs[0]
        before = self.layers[source - 1] if source else None
        return (
            before is not None and self.is_only_use(source) and not isinstance(before, Activation)
        )

    def is_only_use(self, position: int) -> bool:
        """Whether a single layer uses what is at a position."""
        return sum(layer.inputs.count(position) for layer in self.layers) == 1

    def numbers_per_pixel(self) -> float:
        """Most numbers that are held at once in a forward pass, per input pixel."""
        held = [w * d for w, d in zip(self.widths, self.densities, strict=True)]
        peak = alive = held[0]
        for position, layer in enumerate(self.layers, start=1):
            if not self.in_place(position):
                alive += held[position]
            peak = max(peak, alive)
            over = {i for i in layer.inputs if self.last_uses[i] == position}
            alive -= sum(held[i] for i in over) if not self.in_place(position) else 0.0
        return peak
