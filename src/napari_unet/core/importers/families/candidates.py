"""Translating the tensors of a known family into the architecture and weights of our U-Net."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from pydantic import ValidationError

from napari_unet.core.importers.families.layouts import (
    Block,
    Layout,
    NotThisLayoutError,
    Tensors,
    Upsampling,
)
from napari_unet.core.model.architecture import build_network
from napari_unet.core.unet.config import UNetConfig
from napari_unet.core.unet.network import UNet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_unet.core.model.architecture import Architecture, Network

NORM_TENSORS = ("weight", "bias", "running_mean", "running_var")


@dataclass(frozen=True)
class Candidate:
    """A network that a state dict may be.

    Attributes
    ----------
    config
        Its architecture.
    weights
        Its weights by the names in our network.
    """

    config: Architecture
    weights: Tensors

    def network(self) -> Network:
        """Build the network, in evaluation mode; it shares the tensors in `weights`."""
        with torch.device("meta"):
            network = build_network(self.config)
        network.load_state_dict(self.weights, assign=True)
        return network.eval()


def candidates(layout: Layout, tensors: Tensors) -> Iterator[Candidate]:
    """Yield the networks that the shapes of the weights allow, that of the family first.

    Parameters
    ----------
    layout
        The layout of the family.
    tensors
        The weights by name.

    Raises
    ------
    NotThisLayoutError
        When the shapes are not those of a plain U-Net.
    """
    other: Upsampling = "linear" if layout.upsampling == "linear_aligned" else "linear_aligned"
    first = _assemble(layout, tensors, layout.skip_first, layout.upsampling)
    yield first
    transposed = _config(layout, tensors, layout.upsampling).upsampling == "transposed"
    if not transposed:
        yield _assemble(layout, tensors, layout.skip_first, other)
    for upsampling in (layout.upsampling,) if transposed else (layout.upsampling, other):
        yield _assemble(layout, tensors, not layout.skip_first, upsampling)


def _assemble(
    layout: Layout, tensors: Tensors, skip_first: bool, upsampling: Upsampling
) -> Candidate:
    config = _config(layout, tensors, upsampling)
    remaining = dict(tensors)
    weights: Tensors = {}
    for side, blocks in (("encoder", layout.encoder), ("decoder", layout.decoder)):
        for level, block in enumerate(blocks):
            for i, (conv, norm) in enumerate(zip(block.convs, block.norms, strict=True)):
                ours = f"{side}.{level}.{i}"
                weights |= _conv(remaining, conv, f"{ours}.conv", config.conv_bias)
                if norm is not None:
                    weights |= _norm(remaining, norm, f"{ours}.norm")
    for level, name in enumerate(layout.up):
        if f"{name}.weight" in remaining:
            weights |= _conv(remaining, name, f"up.{level}", True)
    weights |= _conv(remaining, layout.head, "head", True)
    if remaining:
        raise NotThisLayoutError(f"a plain U-Net has no weights {min(remaining)}")
    if not skip_first:
        for level in range(config.depth):
            key = f"decoder.{level}.0.conv.weight"
            weights[key] = weights[key].roll(config.encoder[level][-1], dims=1)
    _check_shapes(config, weights)
    return Candidate(config, weights)


def _config(layout: Layout, tensors: Tensors, upsampling: Upsampling) -> UNetConfig:
    blocks = layout.encoder + layout.decoder
    convs = [name for block in blocks for name in block.convs]
    norms = [name for block in blocks for name in block.norms]
    missing = [name for name in (*convs, layout.head) if f"{name}.weight" not in tensors]
    if missing:
        raise NotThisLayoutError(f"{missing[0]}.weight is missing")
    names = [*convs, layout.head, *(n for n in layout.up if f"{n}.weight" in tensors)]
    shapes = {name: tensors[f"{name}.weight"].shape for name in names}
    first = shapes[convs[0]]
    different = [name for name, shape in shapes.items() if len(shape) != len(first)]
    if different or len(first) not in (4, 5):
        raise NotThisLayoutError(f"{(different or convs)[0]} is not a convolution like the others")
    ups = [shapes[name] for name in layout.up if name in shapes]
    if any(max(shape[2:]) > 2 for shape in ups):
        raise NotThisLayoutError("the stride of its upsampling does not show in the kernel")
    transposed = any(max(shape[2:]) > 1 for shape in ups)
    relus = {block.relu for block in blocks if len(block.convs) > 1}
    uneven = len(relus) > 1 or len({norm is None for norm in norms}) > 1
    if uneven or len(ups) not in (0, len(layout.up)):
        raise NotThisLayoutError("its levels differ in structure")
    if norms[0] is not None and f"{norms[0]}.running_mean" not in tensors:
        raise NotThisLayoutError("its norms keep no statistics, so their groups are unknown")
    try:
        return UNetConfig(
            ndim=len(first) - 2,
            in_channels=first[1],
            out_channels=len(tensors[f"{layout.head}.weight"]),
            encoder=_widths(layout.encoder, tensors),
            decoder=_widths(layout.decoder, tensors),
            up=tuple(shape[1 if transposed else 0] for shape in ups),
            strides=tuple(tuple(shape[2:]) for shape in ups) if transposed else (),
            conv_bias=any(f"{name}.bias" in tensors for name in convs),
            norm="none" if norms[0] is None else "batch",
            relu=relus.pop() if relus else "every",
            upsampling="transposed" if transposed else upsampling,
            projection=bool(ups) and not transposed,
        )
    except ValidationError as error:
        raise NotThisLayoutError(error.errors()[0]["msg"]) from error


def _widths(blocks: tuple[Block, ...], tensors: Tensors) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(len(tensors[f"{c}.weight"]) for c in block.convs) for block in blocks)


def _conv(remaining: Tensors, name: str, ours: str, bias: bool) -> Tensors:
    """Take a convolution out of the remaining tensors; a missing bias is 0."""
    if f"{name}.weight" not in remaining:
        raise NotThisLayoutError(f"{name}.weight is missing")
    weight = remaining.pop(f"{name}.weight")
    taken = {f"{ours}.weight": weight}
    if bias:
        transposed = ours.startswith("up.") and max(weight.shape[2:]) > 1
        width = weight.shape[1 if transposed else 0]
        taken[f"{ours}.bias"] = remaining.pop(f"{name}.bias", torch.zeros(width))
    return taken


def _norm(remaining: Tensors, name: str, ours: str) -> Tensors:
    """Take a norm out of the remaining tensors."""
    missing = [part for part in NORM_TENSORS if f"{name}.{part}" not in remaining]
    if missing:
        raise NotThisLayoutError(f"{name}.{missing[0]} is missing")
    taken = {f"{ours}.{part}": remaining.pop(f"{name}.{part}") for part in NORM_TENSORS}
    return taken | {f"{ours}.num_batches_tracked": torch.zeros((), dtype=torch.long)}


def _check_shapes(config: UNetConfig, weights: Tensors) -> None:
    with torch.device("meta"):
        expected = UNet(config).state_dict()
    for key, tensor in expected.items():
        if key not in weights or weights[key].shape != tensor.shape:
            shape = list(weights[key].shape) if key in weights else "none"
            raise NotThisLayoutError(
                f"a U-Net of these widths has {key} of shape {list(tensor.shape)}, this one {shape}"
            )
