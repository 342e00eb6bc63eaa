"""The network that a `UNetConfig` describes."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_unet.core.progress import finish
from napari_unet.core.tiling.plan import mirror_indices
from napari_unet.core.unet.layers import Unit
from napari_unet.core.unet.strips import Steps, empty_like_strip, run_units, strip_rows
from napari_unet.core.unet.upsample import upsample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.unet.config import UNetConfig

_MACS_PER_WRITE = 50
"""Multiply-adds that take as long as writing one number of a large feature map."""


@dataclass(frozen=True)
class Window:
    """Position of a network's input in the padded frame.

    Attributes
    ----------
    start
        First pixel along each spatial axis.
    frame
        Shape of the frame, padded to multiples of the total stride.
    """

    start: tuple[int, ...]
    frame: tuple[int, ...]

    def at(self, stride: Sequence[int]) -> Window:
        """Return the same window on a coarser level.

        Parameters
        ----------
        stride
            Pixels of this level per pixel of that one, along each spatial axis.
        """
        return Window(
            tuple(n // s for n, s in zip(self.start, stride, strict=True)),
            tuple(n // s for n, s in zip(self.frame, stride, strict=True)),
        )


class UNet(nn.Module):
    """A U-Net of any depth and width, in 2-D or 3-D.

    Parameters
    ----------
    config
        The architecture.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        width = config.in_channels
        self.encoder = nn.ModuleList()
        for widths in config.encoder:
            self.encoder.append(_block(config, width, widths))
            width = widths[-1]
        self.up = nn.ModuleList(_up_layer(config, level) for level in range(config.depth))
        self.decoder = nn.ModuleList()
        for level, widths in enumerate(config.decoder):
            joined = config.encoder[level][-1] + config.up_width(level)
            self.decoder.append(_block(config, joined, widths))
        conv = nn.Conv2d if config.ndim == 2 else nn.Conv3d
        self.head = conv(config.decoder_out, config.out_channels, 1)

    def forward(self, x: Tensor, windows: Sequence[Window] | None = None) -> Tensor:
        """Compute the logits.

        Parameters
        ----------
        x
            (N, in_channels, [Z,] Y, X) of any size. Sizes that are not a multiple of the total stride
            are mirror-padded at the far edges, and the result is cropped.
        windows
            Position of each of the N inputs if they are tiles; their sizes must then be multiples of
            the total stride. None: each is a whole image.

        Returns
        -------
        Tensor
            (N, out_channels, [Z,] Y, X): values before any activation.
        """
        return finish(self.steps(x, windows))

    def steps(
        self, x: Tensor, windows: Sequence[Window] | None = None, max_macs: float | None = None
    ) -> Steps:
        """Compute the logits in steps, between which the computation can be cancelled.

        Parameters
        ----------
        x, windows
            As in `forward`.
        max_macs
            Layers of more multiply-adds than this are computed in strips along the first spatial axis;
            the result is the same. None: none is, nor where a norm measures the whole input.

        Yields
        ------
        float
            Multiply-adds done since the last yield.

        Returns
        -------
        Tensor
            The logits.
        """
        size = x.shape[2:]
        x = mirror_padded(x, self.config.total_stride)
        if windows is None:
            windows = [Window((0,) * self.config.ndim, tuple(x.shape[2:]))] * len(x)
        if not self.config.tiles_exactly:
            max_macs = None
        skips = []
        for level, block in enumerate(self.encoder):
            inputs = [x]
            del x  # only the list holds it now, and it is emptied as soon as it has been used
            x = yield from run_units(block.children(), inputs, max_macs)
            if level < self.config.depth:
                skips.append(x)
                stride = self.config.strides[level]
                pool = functional.max_pool2d if x.dim() == 4 else functional.max_pool3d
                x = pool(x, stride)
        for level in reversed(range(self.config.depth)):
            x = yield from self._upsampled(level, x, windows, max_macs)
            inputs = [skips.pop(), x]
            del x
            x = yield from run_units(self.decoder[level].children(), inputs, max_macs)
        x = yield from run_units([self.head], [x], max_macs)
        for axis, n in enumerate(size, start=2):
            x = x.narrow(axis, 0, n)
        return x

    def _upsampled(
        self, level: int, x: Tensor, windows: Sequence[Window], max_macs: float | None
    ) -> Steps:
        """Upsample the features of the level below, in strips if they are large."""
        factor = self.config.strides[level]
        below = [w.at(self.config.level_strides[level + 1]) for w in windows]
        macs = float(x.numel()) * self.config.up_macs(level)
        rows, n_strips = x.shape[2], 1
        if max_macs is not None:
            cost = max(macs, _MACS_PER_WRITE * x.numel() * prod(factor))
            n_strips = -int(-cost // max_macs)
        height = strip_rows(rows, n_strips)
        if height >= rows:
            upsampled = self._upsample(level, x, below)
            yield macs
            return upsampled
        # linear interpolation reaches one row beyond a strip
        reach = 0 if self.config.upsampling == "transposed" else 1
        out: Tensor | None = None
        for start in range(0, rows, height):
            stop = min(start + height, rows)
            low, high = max(0, start - reach), min(rows, stop + reach)
            moved = [Window((w.start[0] + low, *w.start[1:]), w.frame) for w in below]
            strip = self._upsample(level, x[:, :, low:high], moved)
            if out is None:
                out = empty_like_strip(strip, rows * factor[0])
            cut = slice((start - low) * factor[0], (stop - low) * factor[0])
            out[:, :, start * factor[0] : stop * factor[0]] = strip[:, :, cut]
            yield macs * (stop - start) / rows
        assert out is not None
        return out

    def _upsample(self, level: int, x: Tensor, windows: Sequence[Window]) -> Tensor:
        # a 1×1 convolution commutes with interpolation, whose weights add up to 1, and is cheaper
        # before it
        x = self.up[level](x)
        if self.config.upsampling == "transposed":
            return x
        aligned = self.config.upsampling == "linear_aligned"
        places = [(w.start, w.frame) for w in windows] if aligned else None
        return upsample(x, self.config.strides[level], places)


def _block(config: UNetConfig, width: int, widths: Sequence[int]) -> nn.ModuleList:
    pairs = list(zip((width, *widths), widths, strict=False))
    relu = [config.relu == "every" or i == len(pairs) - 1 for i in range(len(pairs))]
    return nn.ModuleList(Unit(config, a, b, r) for (a, b), r in zip(pairs, relu, strict=True))


def _up_layer(config: UNetConfig, level: int) -> nn.Module:
    flat = config.ndim == 2
    below, width, stride = config.below(level), config.up[level], config.strides[level]
    if config.upsampling == "transposed":
        kind: Any = nn.ConvTranspose2d if flat else nn.ConvTranspose3d
        module: nn.Module = kind(below, width, stride, stride)
        return module
    if config.projection:
        return (nn.Conv2d if flat else nn.Conv3d)(below, width, 1)
    return nn.Identity()


def mirror_padded(x: Tensor, stride: Sequence[int]) -> Tensor:
    """Mirror-pad the far edges of (N, C, [Z,] Y, X) to multiples of the stride."""
    for axis, step in enumerate(stride, start=2):
        size = x.shape[axis]
        if size % step:
            index = mirror_indices(0, -(-size // step) * step, size)
            x = x.index_select(axis, torch.from_numpy(index).to(x.device))
    return x
