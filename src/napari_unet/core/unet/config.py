"""Description of a U-Net: frozen, free of torch, with what follows from it (stride, field, cost).

After Ronneberger, Fischer, Brox 2015 (10.1007/978-3-319-24574-4_28) and, in 3-D, Çiçek et al. 2016
(10.1007/978-3-319-46723-8_49), with zero-padded convolutions, so that output and input have one size.
"""

from __future__ import annotations

from math import prod
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

KERNEL = 3
"""Side of every convolution but the 1×1 ones."""


class UNetConfig(BaseModel):
    """Architecture of a U-Net.

    Level 0 is the finest. A block is one or more of convolution 3×3(×3), norm, ReLU. Going down is max
    pooling with the level's stride as its window; coming up is `upsampling`, then the skip connection
    is put in front of the upsampled features.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ndim: Literal[2, 3] = Field(2, title="Dimensions")
    in_channels: int = Field(1, ge=1, title="Input channels")
    out_channels: int = Field(1, ge=1, title="Output channels")
    encoder: tuple[tuple[int, ...], ...] = Field(
        title="Encoder widths",
        description="Channels after each convolution, a tuple a level, finest first; the last level is "
        "the bottleneck.",
    )
    decoder: tuple[tuple[int, ...], ...] = Field(
        title="Decoder widths",
        description="Likewise on the way up, finest first; one level fewer than the encoder.",
    )
    up: tuple[int, ...] = Field(
        (),
        title="Widths after upsampling",
        description="Channels of the upsampled features at each decoder level; empty: those of the "
        "skip connection. Of no effect on linear upsampling without projection.",
    )
    strides: tuple[tuple[int, ...], ...] = Field(
        (),
        title="Strides",
        description="Pooling window between a level and the next, in the order Z Y X; empty: 2 "
        "everywhere.",
    )
    conv_bias: bool = Field(True, title="Convolutions have a bias")
    norm: Literal["none", "batch", "group", "instance"] = "batch"
    groups: int = Field(8, ge=1, title="Groups of the group norm")
    affine: bool = Field(True, title="Instance norm has gain and bias")
    relu: Literal["every", "last"] = Field(
        "every",
        title="ReLU",
        description="After every convolution, or only after the last one of each block.",
    )
    upsampling: Literal["transposed", "linear", "linear_aligned"] = Field(
        "transposed",
        title="Upsampling",
        description="transposed convolution; linear with align_corners false; linear with "
        "align_corners true, as in the classic PyTorch port.",
    )
    projection: bool = Field(
        False, title="1×1 convolution after upsampling", description="Linear upsampling only."
    )

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, values: Any) -> Any:
        if not isinstance(values, dict) or not values.get("encoder"):
            return values
        encoder = values["encoder"]
        values = dict(values)
        if not values.get("up"):
            values["up"] = tuple(level[-1] for level in encoder[:-1])
        if not values.get("strides"):
            values["strides"] = ((2,) * values.get("ndim", 2),) * (len(encoder) - 1)
        return values

    @model_validator(mode="after")
    def _check(self) -> Self:
        depth = len(self.encoder) - 1
        for name, level_list in (
            ("decoder", self.decoder),
            ("up", self.up),
            ("strides", self.strides),
        ):
            if len(level_list) != depth:
                raise ValueError(f"{name} needs {depth} entries, one fewer than encoder")
        if any(len(s) != self.ndim or min(s) < 1 for s in self.strides):
            raise ValueError(f"every stride needs {self.ndim} whole numbers of at least 1")
        if any(not level or min(level) < 1 for level in self.encoder + self.decoder):
            raise ValueError("every level needs at least one convolution of at least one channel")
        if self.projection and self.upsampling == "transposed":
            raise ValueError("a transposed convolution takes no projection")
        if self.norm == "group" and any(
            w % self.groups for w in sum(self.encoder + self.decoder, ())
        ):
            raise ValueError(f"every width must be a multiple of the {self.groups} groups")
        return self

    @classmethod
    def classic(
        cls, *, base: int = 32, depth: int = 4, convolutions: int = 2, **others: Any
    ) -> UNetConfig:
        """U-Net of the 2015 paper: widths double at each level, `convolutions` a block.

        Parameters
        ----------
        base
            Channels at the finest level.
        depth
            Number of poolings.
        convolutions
            Convolutions in each block.
        others
            Any other field of the configuration.
        """
        widths = [base * 2**level for level in range(depth + 1)]
        encoder = tuple((w,) * convolutions for w in widths)
        return cls(encoder=encoder, decoder=encoder[:-1], **others)

    @property
    def depth(self) -> int:
        """Number of poolings."""
        return len(self.strides)

    @property
    def spatial(self) -> str:
        """Spatial axes the network works on: ``YX`` or ``ZYX``."""
        return "ZYX"[3 - self.ndim :]

    @property
    def level_strides(self) -> tuple[tuple[int, ...], ...]:
        """Input pixels per pixel of each level, bottleneck included, per spatial axis."""
        found = [(1,) * self.ndim]
        for stride in self.strides:
            found.append(tuple(a * b for a, b in zip(found[-1], stride, strict=True)))
        return tuple(found)

    @property
    def total_stride(self) -> tuple[int, ...]:
        """Input pixels per pixel of the bottleneck: sizes and tile starts are multiples of it."""
        return self.level_strides[-1]

    @property
    def tiles_exactly(self) -> bool:
        """Whether the output at a pixel depends on a bounded neighbourhood only."""
        return self.norm in ("none", "batch")

    def up_width(self, level: int) -> int:
        """Channels that arrive from below at a decoder level, after upsampling."""
        if self.upsampling == "transposed" or self.projection:
            return self.up[level]
        return self.below(level)

    def below(self, level: int) -> int:
        """Channels of the level below a decoder level, before upsampling."""
        deeper = (*self.decoder, self.encoder[-1])
        return deeper[level + 1][-1]

    @property
    def receptive_radius(self) -> tuple[int, ...]:
        """Farthest distance, per axis, from an output pixel to an input pixel it depends on.

        The largest over all positions of the output pixel in the pooling grid. Exact for strides of
        1 and 2; an upper bound for others with linear upsampling.
        """
        return tuple(
            max(max(p - low, high - p) for p, low, high in self._fields(axis))
            for axis in range(self.ndim)
        )

    @property
    def halo(self) -> tuple[int, ...]:
        """Context, per axis, that an output window starting and ending on the stride needs.

        Less than the radius: the pixels nearest to the window's edge reach least across it.
        """
        found = []
        for axis in range(self.ndim):
            fields = self._fields(axis)
            first, last = fields[0][0], fields[-1][0]
            found.append(max(max(first - low, high - last) for _, low, high in fields))
        return tuple(found)

    def _fields(self, axis: int) -> list[tuple[int, int, int]]:
        """Position, first and last input it depends on, for one period of the pooling grid."""
        stride = self.total_stride[axis]
        return [(p, *self._field(axis, p)) for p in range(stride)]

    def _field(self, axis: int, start: int) -> tuple[int, int]:
        """First and last input position that output position `start` depends on, borders far away."""
        reach = KERNEL // 2
        spans = []
        low = high = start
        for level, block in enumerate(self.decoder):
            low, high = low - reach * len(block), high + reach * len(block)
            spans.append((low, high))
            stride = self.strides[level][axis]
            if self.upsampling == "transposed" or stride == 1:
                low, high = low // stride, high // stride
            else:
                low, high = (low - stride + 1) // stride, -(-high // stride)
        spans.append((low, high))
        for level in reversed(range(len(self.encoder))):
            if level < self.depth:
                stride = self.strides[level][axis]
                low, high = low * stride, high * stride + stride - 1
            low, high = min(low, spans[level][0]), max(high, spans[level][1])
            low -= reach * len(self.encoder[level])
            high += reach * len(self.encoder[level])
        return low, high

    def up_macs(self, level: int) -> float:
        """Multiply-adds of the convolution in an upsampling, per number that goes into it."""
        if self.upsampling == "transposed":
            return float(self.up[level] * prod(self.strides[level]))
        return float(self.up[level]) if self.projection else 0.0

    def macs_per_pixel(self) -> float:
        """Multiply-adds of one forward pass, per input pixel."""
        kernel = KERNEL**self.ndim
        total = 0.0
        width = self.in_channels
        for level, block in enumerate(self.encoder):
            for out in block:
                total += width * out * kernel / prod(self.level_strides[level])
                width = out
        for level, block in enumerate(self.decoder):
            width = self.encoder[level][-1] + self.up_width(level)
            for out in block:
                total += width * out * kernel / prod(self.level_strides[level])
                width = out
            total += self.below(level) * self.up_macs(level) / prod(self.level_strides[level + 1])
        return total + self.decoder_out * self.out_channels

    @property
    def decoder_out(self) -> int:
        """Channels that reach the head."""
        return (self.decoder[0] if self.decoder else self.encoder[0])[-1]

    @property
    def parameters(self) -> int:
        """Number of weights, those of the norms included."""
        kernel = KERNEL**self.ndim
        norm = (
            2 if self.norm in ("batch", "group") or (self.norm == "instance" and self.affine) else 0
        )
        each = norm + (1 if self.conv_bias else 0)
        total, width = 0, self.in_channels
        for block in self.encoder:
            for out in block:
                total, width = total + width * out * kernel + each * out, out
        for level, block in enumerate(self.decoder):
            window = prod(self.strides[level]) if self.upsampling == "transposed" else 1
            if self.upsampling == "transposed" or self.projection:
                total += (self.below(level) * window + 1) * self.up[level]
            width = self.encoder[level][-1] + self.up_width(level)
            for out in block:
                total, width = total + width * out * kernel + each * out, out
        return total + (self.decoder_out + 1) * self.out_channels
