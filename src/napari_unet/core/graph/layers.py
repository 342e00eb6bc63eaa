"""The layers that a network can be described with. Needs no torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Whole = Annotated[int, Field(ge=0, le=64)]
Factor = Annotated[int, Field(ge=1, le=64)]
Width = Annotated[int, Field(ge=1, le=1 << 14)]
Position = Annotated[int, Field(ge=0)]


class _Layer(BaseModel):
    """An operation on the features at earlier positions; position 0 is the image."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    inputs: tuple[Position, ...] = Field(min_length=1)


class _Window(_Layer):
    """A layer that looks at a window of pixels; a number for each axis, in the order Z Y X."""

    kernel: tuple[Factor, ...]
    stride: tuple[Factor, ...]
    padding: tuple[Whole, ...]


class Convolution(_Window):
    """A convolution, padded with zeros."""

    kind: Literal["convolution"] = "convolution"
    channels: Width
    bias: bool = True
    groups: Width = 1


class TransposedConvolution(_Window):
    """A transposed convolution, whose output is as many times as large as the stride says."""

    kind: Literal["transposed"] = "transposed"
    channels: Width
    bias: bool = True

    @property
    def extra(self) -> tuple[int, ...]:
        """Pixels at the far edges beyond those of the formula (``output_padding``); below 0: cropped."""
        axes = zip(self.kernel, self.stride, self.padding, strict=True)
        return tuple(s + 2 * p - k for k, s, p in axes)


class Pooling(_Window):
    """The largest value of a window, or its mean."""

    kind: Literal["max_pool", "average_pool"]


class Norm(_Layer):
    """A normalisation of the features."""

    kind: Literal["batch", "instance", "group"]
    groups: Width = Field(1, description="group only.")
    affine: bool = True
    epsilon: float = Field(1e-5, gt=0, le=1)


class Activation(_Layer):
    """A function of each value."""

    kind: Literal["relu", "leaky_relu", "prelu", "elu", "gelu", "silu", "mish"]
    slope: float = Field(0.01, description="leaky_relu: the slope below 0; elu: minus the limit.")
    slopes: Width = Field(1, description="prelu: one slope for all channels, or one for each.")


class Upsampling(_Layer):
    """Interpolation, with ``align_corners=False`` where it is linear."""

    kind: Literal["nearest", "linear"]
    factor: tuple[Factor, ...]


class Join(_Layer):
    """The sum of several features, or all their channels in one."""

    kind: Literal["add", "concatenate"]


class EdgeRepetition(_Layer):
    """The first pixel of the image along each axis becomes a copy of the second.

    So does a transposed convolution that is brought to its size by nearest neighbours.
    """

    kind: Literal["repeat_first"] = "repeat_first"


Layer = Annotated[
    Convolution
    | TransposedConvolution
    | Pooling
    | Norm
    | Activation
    | Upsampling
    | Join
    | EdgeRepetition,
    Field(discriminator="kind"),
]
"""Any of the layers."""
