"""From the tensors of a recognised family to the configuration and weights of our own U-Net."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from pydantic import ValidationError
from torch import Tensor

from napari_unet.core.unet.config import UNetConfig
from napari_unet.core.unet.network import UNet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_unet.core.image.normalization import Normalization

Tensors = dict[str, Tensor]
Upsampling = Literal["transposed", "linear", "linear_aligned"]
NORM_PARTS = ("weight", "bias", "running_mean", "running_var")


class NotThisLayoutError(Exception):
    """The names are those of a family, but the weights are of another network; says why."""


@dataclass(frozen=True)
class Block:
    """Names of the convolutions of one level, each with the norm that follows it, if any."""

    convs: tuple[str, ...]
    norms: tuple[str | None, ...]
    relu: Literal["every", "last"] = "every"


@dataclass(frozen=True)
class Layout:
    """Where a family of networks keeps the parts of a U-Net, and what its shapes can't tell.

    Attributes
    ----------
    family
        The family's name.
    encoder
        Blocks, finest first; the last one is the bottleneck.
    decoder
        Blocks, finest first.
    up
        Name of what upsamples into each decoder level, finest first: a transposed convolution, a
        1x1 convolution, or nothing at all if there are no weights of that name.
    head
        Name of the last convolution.
    skip_first
        Whether the skip connection comes before the upsampled features.
    upsampling
        How the family upsamples where it does so without a transposed convolution.
    normalization
        What the family does to pixel values.
    several
        Activation of more than one class.
    """

    family: str
    encoder: tuple[Block, ...]
    decoder: tuple[Block, ...]
    up: tuple[str, ...]
    head: str
    skip_first: bool
    upsampling: Upsampling
    normalization: Normalization
    several: Literal["softmax", "sigmoid"] = "softmax"


@dataclass(frozen=True)
class Candidate:
    """One reading of a state dict: the architecture, and the weights by our own names."""

    config: UNetConfig
    weights: Tensors

    def network(self) -> UNet:
        """Build the network in evaluation mode; it shares the candidate's tensors."""
        with torch.device("meta"):
            network = UNet(self.config)
        network.load_state_dict(self.weights, assign=True)
        return network.eval()


def sequence(tensors: Tensors, prefix: str) -> Block:
    """Read an ``nn.Sequential`` of convolutions, norms and ReLUs.

    A ReLU has no weights: it shows as a number left out between two convolutions.

    Raises
    ------
    NotThisLayoutError
        When it holds anything else.
    """
    pattern = re.compile(re.escape(prefix) + r"\.(\d+)\.weight")
    found = {int(m[1]): tensors[m[0]].dim() for m in map(pattern.fullmatch, tensors) if m}
    convs = sorted(i for i, dims in found.items() if dims in (4, 5))
    norms = [i + 1 if found.get(i + 1) == 1 else None for i in convs]
    if not convs or convs[0] != 0 or len(found) != len(convs) + len(norms) - norms.count(None):
        raise NotThisLayoutError(f"{prefix} is no row of convolutions with a norm after each")
    ends = [conv if norm is None else norm for conv, norm in zip(convs, norms, strict=True)]
    gaps = {start - end - 1 for end, start in zip(ends, convs[1:], strict=False)}
    if gaps not in ({0}, {1}, set()):
        raise NotThisLayoutError(f"{prefix} has more between its convolutions than a norm and ReLU")
    return Block(
        tuple(f"{prefix}.{i}" for i in convs),
        tuple(None if i is None else f"{prefix}.{i}" for i in norms),
        "last" if gaps == {0} else "every",
    )


def candidates(layout: Layout, tensors: Tensors) -> Iterator[Candidate]:
    """Read weights in every way their shapes allow, the family's own way first.

    Raises
    ------
    NotThisLayoutError
        When the shapes don't fit together as those of a plain U-Net.
    """
    other: Upsampling = "linear" if layout.upsampling == "linear_aligned" else "linear_aligned"
    first = _assemble(layout, tensors, layout.skip_first, layout.upsampling)
    yield first
    transposed = first.config.upsampling == "transposed"
    if not transposed:
        yield _assemble(layout, tensors, layout.skip_first, other)
    for upsampling in (layout.upsampling,) if transposed else (layout.upsampling, other):
        yield _assemble(layout, tensors, not layout.skip_first, upsampling)


def _assemble(
    layout: Layout, tensors: Tensors, skip_first: bool, upsampling: Upsampling
) -> Candidate:
    config = _config(layout, tensors, upsampling)
    left = dict(tensors)
    weights: Tensors = {}
    for side, blocks in (("encoder", layout.encoder), ("decoder", layout.decoder)):
        for level, block in enumerate(blocks):
            for i, (conv, norm) in enumerate(zip(block.convs, block.norms, strict=True)):
                ours = f"{side}.{level}.{i}"
                weights |= _conv(left, conv, f"{ours}.conv", config.conv_bias)
                if norm is not None:
                    weights |= _norm(left, norm, f"{ours}.norm")
    for level, name in enumerate(layout.up):
        if f"{name}.weight" in left:
            weights |= _conv(left, name, f"up.{level}", True)
    weights |= _conv(left, layout.head, "head", True)
    if left:
        raise NotThisLayoutError(f"it has weights a plain U-Net lacks, such as {min(left)}")
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
    flat = [name for name, shape in shapes.items() if len(shape) != len(first)]
    if flat or len(first) not in (4, 5):
        raise NotThisLayoutError(f"{(flat or convs)[0]} is no convolution like the others")
    ups = [shapes[name] for name in layout.up if name in shapes]
    if any(max(shape[2:]) > 2 for shape in ups):
        raise NotThisLayoutError("it upsamples with a kernel that doesn't tell its stride")
    transposed = any(max(shape[2:]) > 1 for shape in ups)
    relus = {block.relu for block in blocks if len(block.convs) > 1}
    uneven = len(relus) > 1 or len({norm is None for norm in norms}) > 1
    if uneven or len(ups) not in (0, len(layout.up)):
        raise NotThisLayoutError("its levels are not built alike")
    if norms[0] is not None and f"{norms[0]}.running_mean" not in tensors:
        raise NotThisLayoutError("its norm keeps no statistics, and its groups can't be told")
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


def _conv(left: Tensors, name: str, ours: str, bias: bool) -> Tensors:
    """Take a convolution out of the tensors left; a bias it lacks is zero."""
    if f"{name}.weight" not in left:
        raise NotThisLayoutError(f"{name}.weight is missing")
    weight = left.pop(f"{name}.weight")
    found = {f"{ours}.weight": weight}
    if bias:
        transposed = ours.startswith("up.") and max(weight.shape[2:]) > 1
        width = weight.shape[1 if transposed else 0]
        found[f"{ours}.bias"] = left.pop(f"{name}.bias", torch.zeros(width))
    return found


def _norm(left: Tensors, name: str, ours: str) -> Tensors:
    missing = [part for part in NORM_PARTS if f"{name}.{part}" not in left]
    if missing:
        raise NotThisLayoutError(f"{name}.{missing[0]} is missing")
    found = {f"{ours}.{part}": left.pop(f"{name}.{part}") for part in NORM_PARTS}
    return found | {f"{ours}.num_batches_tracked": torch.zeros((), dtype=torch.long)}


def _check_shapes(config: UNetConfig, weights: Tensors) -> None:
    with torch.device("meta"):
        expected = UNet(config).state_dict()
    for key, tensor in expected.items():
        if key not in weights or weights[key].shape != tensor.shape:
            met = list(weights[key].shape) if key in weights else "none"
            raise NotThisLayoutError(
                f"a U-Net of these widths has {list(tensor.shape)} weights in {key}, but got {met}"
            )
