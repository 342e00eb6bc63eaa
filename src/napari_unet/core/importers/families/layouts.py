"""The names of the parts of a U-Net in the state dicts of a family."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from torch import Tensor

if TYPE_CHECKING:
    from napari_unet.core.image.normalization import Normalization

Tensors = dict[str, Tensor]
Upsampling = Literal["transposed", "linear", "linear_aligned"]


class NotThisLayoutError(Exception):
    """The names are those of a family, but the weights are not; the message says why."""


@dataclass(frozen=True)
class Block:
    """The convolutions of a level.

    Attributes
    ----------
    convs
        Their names.
    norms
        Names of the norms that follow them; None where there is none.
    relu
        Whether a ReLU follows every convolution or only the last.
    """

    convs: tuple[str, ...]
    norms: tuple[str | None, ...]
    relu: Literal["every", "last"] = "every"


@dataclass(frozen=True)
class Layout:
    """The names of the parts of a U-Net in a family, and what shapes can't tell.

    Attributes
    ----------
    family
        The family's name.
    encoder
        Its blocks, finest first; the last is the bottleneck.
    decoder
        Its blocks, finest first.
    up
        Name of the layer that upsamples into each decoder level, finest first: a transposed
        convolution, a 1×1 convolution, or none if there are no weights of that name.
    head
        Name of the last convolution.
    skip_first
        Whether the skip connection comes before the upsampled features.
    upsampling
        How the family upsamples without a transposed convolution.
    normalization
        How the family normalises pixel values.
    activation
        Activation of the family for more than one class.
    """

    family: str
    encoder: tuple[Block, ...]
    decoder: tuple[Block, ...]
    up: tuple[str, ...]
    head: str
    skip_first: bool
    upsampling: Upsampling
    normalization: Normalization
    activation: Literal["softmax", "sigmoid"] = "softmax"


def sequence(tensors: Tensors, prefix: str) -> Block:
    """Read the names of an ``nn.Sequential`` of convolutions, norms and ReLUs.

    A ReLU has no weights: it shows as a gap in the numbers between two convolutions.

    Parameters
    ----------
    tensors
        The weights by name.
    prefix
        Name of the sequence.

    Raises
    ------
    NotThisLayoutError
        When there is anything else in it.
    """
    pattern = re.compile(re.escape(prefix) + r"\.(\d+)\.weight")
    dims = {int(m[1]): tensors[m[0]].dim() for m in map(pattern.fullmatch, tensors) if m}
    convs = sorted(i for i, n in dims.items() if n in (4, 5))
    norms = [i + 1 if dims.get(i + 1) == 1 else None for i in convs]
    if not convs or convs[0] != 0 or len(dims) != len(convs) + len(norms) - norms.count(None):
        raise NotThisLayoutError(f"{prefix} is not a sequence of convolutions, each with a norm")
    ends = [conv if norm is None else norm for conv, norm in zip(convs, norms, strict=True)]
    gaps = {start - end - 1 for end, start in zip(ends, convs[1:], strict=False)}
    if gaps not in ({0}, {1}, set()):
        raise NotThisLayoutError(
            f"{prefix} has more than a norm and a ReLU between its convolutions"
        )
    return Block(
        tuple(f"{prefix}.{i}" for i in convs),
        tuple(None if i is None else f"{prefix}.{i}" for i in norms),
        "last" if gaps == {0} else "every",
    )
