"""The architecture of a U-Net, and what follows from it: strides, receptive field and cost.

After Ronneberger, Fischer and Brox 2015 (10.1007/978-3-319-24574-4_28) and, in 3-D, Çiçek et al. 2016
(10.1007/978-3-319-46723-8_49), with zero-padded convolutions, so that input and output have the same
size. Needs no torch.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_unet.core.unet.receptive_field import KERNEL, ReceptiveField

if TYPE_CHECKING:
    from collections.abc import Iterator


MAX_WIDTH, MAX_DEPTH, MAX_UNITS, MAX_STRIDE = 1 << 14, 16, 32, 64
"""Far beyond any network; more is damage, and would exhaust the memory before it is noticed."""


class UNetConfig(BaseModel):
    """Architecture of a U-Net.

    Level 0 is the finest. A block is a sequence of units: convolution 3×3(×3), norm, ReLU. On the way
    down, max pooling with the stride of the level as its window; on the way up, `upsampling`, before
    whose features the skip connection is concatenated.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ndim: Literal[2, 3] = Field(2, title="Dimensions")
    in_channels: int = Field(1, ge=1, le=MAX_WIDTH, title="Input channels")
    out_channels: int = Field(1, ge=1, le=MAX_WIDTH, title="Output channels")
    encoder: tuple[tuple[int, ...], ...] = Field(
        title="Encoder widths",
        description="Channels after each convolution, a tuple per level, finest first; the last level "
        "is the bottleneck.",
    )
    decoder: tuple[tuple[int, ...], ...] = Field(
        title="Decoder widths",
        description="The same on the way up, finest first; one level fewer than the encoder.",
    )
    up: tuple[int, ...] = Field(
        (),
        title="Widths after upsampling",
        description="Channels of the upsampled features at each decoder level; empty: those of the "
        "skip connection. No effect on linear upsampling without projection.",
    )
    strides: tuple[tuple[int, ...], ...] = Field(
        (),
        title="Strides",
        description="Pooling window from each level to the next, in the order Z Y X; empty: 2 "
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
        description="transposed: a transposed convolution; linear: with align_corners=False; "
        "linear_aligned: with align_corners=True, as in the well-known PyTorch port.",
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
        if (
            depth > MAX_DEPTH
            or max(map(len, (*self.encoder, *self.decoder)), default=0) > MAX_UNITS
        ):
            raise ValueError(f"at most {MAX_DEPTH} poolings, and {MAX_UNITS} convolutions a level")
        for name, entries in (
            ("decoder", self.decoder),
            ("up", self.up),
            ("strides", self.strides),
        ):
            if len(entries) != depth:
                raise ValueError(f"{name} needs {depth} entries, one fewer than encoder")
        if any(len(s) != self.ndim or min(s) < 1 or max(s) > MAX_STRIDE for s in self.strides):
            raise ValueError(f"every stride needs {self.ndim} whole numbers from 1 to {MAX_STRIDE}")
        widths = [*self.encoder, *self.decoder, *((w,) for w in self.up)]
        if any(not level or min(level) < 1 or max(level) > MAX_WIDTH for level in widths):
            raise ValueError(
                f"every level needs a convolution or more, of 1 to {MAX_WIDTH} channels"
            )
        if self.projection and self.upsampling == "transposed":
            raise ValueError("projection needs linear upsampling")
        if self.norm == "group" and any(
            w % self.groups for w in sum(self.encoder + self.decoder, ())
        ):
            raise ValueError(f"every width must be a multiple of the {self.groups} groups")
        return self

    @classmethod
    def classic(
        cls, *, base: int = 32, depth: int = 4, convolutions: int = 2, **others: Any
    ) -> UNetConfig:
        """Return a U-Net as in the 2015 paper, whose widths double from level to level.

        Parameters
        ----------
        base
            Channels at the finest level.
        depth
            Number of poolings.
        convolutions
            Convolutions in each block.
        others
            Any other fields of the configuration.
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
        totals = [(1,) * self.ndim]
        for stride in self.strides:
            totals.append(tuple(a * b for a, b in zip(totals[-1], stride, strict=True)))
        return tuple(totals)

    @property
    def total_stride(self) -> tuple[int, ...]:
        """Input pixels per pixel of the bottleneck, per spatial axis; tiles start on multiples of it."""
        return self.level_strides[-1]

    @property
    def tiles_exactly(self) -> bool:
        """Whether an output pixel depends on a bounded neighbourhood only, so that tiles are exact."""
        return self.norm in ("none", "batch")

    def up_width(self, level: int) -> int:
        """Return the channels that reach a decoder level from below, after upsampling."""
        if self.upsampling == "transposed" or self.projection:
            return self.up[level]
        return self.below(level)

    def below(self, level: int) -> int:
        """Return the channels of the level below a decoder level, before upsampling."""
        deeper = (*self.decoder, self.encoder[-1])
        return deeper[level + 1][-1]

    @property
    def receptive_radius(self) -> tuple[int, ...]:
        """Largest distance, per axis, between an output pixel and an input pixel it depends on.

        The maximum over all positions of the output pixel in the pooling grid. Exact for strides of
        1 and 2; an upper bound for others with linear upsampling.
        """
        return tuple(self._receptive_field(axis).radius for axis in range(self.ndim))

    @property
    def halo(self) -> tuple[int, ...]:
        """Context in pixels, per axis, that an output window on the grid of the stride needs.

        Less than the radius: the pixels nearest to the edge of such a window reach least beyond it.
        """
        return tuple(self._receptive_field(axis).halo for axis in range(self.ndim))

    def _receptive_field(self, axis: int) -> ReceptiveField:
        return ReceptiveField(
            encoder=tuple(map(len, self.encoder)),
            decoder=tuple(map(len, self.decoder)),
            strides=tuple(stride[axis] for stride in self.strides),
            linear=self.upsampling != "transposed",
        )

    def up_macs(self, level: int) -> float:
        """Multiply-adds of the convolution in an upsampling, per number that goes into it."""
        if self.upsampling == "transposed":
            return float(self.up[level] * prod(self.strides[level]))
        return float(self.up[level]) if self.projection else 0.0

    def _convolutions(self) -> Iterator[tuple[int, int, int]]:
        """Yield the level and the channels before and after each convolution of the blocks."""
        width = self.in_channels
        for level, block in enumerate(self.encoder):
            for out in block:
                yield level, width, out
                width = out
        for level, block in enumerate(self.decoder):
            width = self.encoder[level][-1] + self.up_width(level)
            for out in block:
                yield level, width, out
                width = out

    def macs_per_pixel(self) -> float:
        """Multiply-adds of one forward pass, per input pixel."""
        return sum(self.layer_macs_per_pixel())

    def layer_macs_per_pixel(self) -> list[float]:
        """Multiply-adds of each convolution, per input pixel."""
        kernel: int = KERNEL**self.ndim
        pixels = [prod(stride) for stride in self.level_strides]
        macs = [a * b * kernel / pixels[n] for n, a, b in self._convolutions()]
        ups = range(self.depth)
        macs += [self.below(level) * self.up_macs(level) / pixels[level + 1] for level in ups]
        return [*macs, float(self.decoder_out * self.out_channels)]

    @property
    def decoder_out(self) -> int:
        """Channels that reach the head."""
        return (self.decoder[0] if self.decoder else self.encoder[0])[-1]

    @property
    def parameters(self) -> int:
        """Number of weights, including those of the norms."""
        kernel: int = KERNEL**self.ndim
        learnt_norm = self.norm in ("batch", "group") or (self.norm == "instance" and self.affine)
        per_channel = 2 * learnt_norm + self.conv_bias
        total = sum(a * b * kernel + per_channel * b for _, a, b in self._convolutions())
        for level in range(self.depth):
            if self.upsampling == "transposed" or self.projection:
                window = prod(self.strides[level]) if self.upsampling == "transposed" else 1
                total += (self.below(level) * window + 1) * self.up[level]
        return total + (self.decoder_out + 1) * self.out_channels
