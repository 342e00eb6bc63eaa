"""The network that a `UNetConfig` describes."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_unet.core.progress import finish
from napari_unet.core.tiling.plan import mirror_indices
from napari_unet.core.unet.layers import Unit
from napari_unet.core.unet.upsample import upsample

if TYPE_CHECKING:
    from napari_unet.core.unet.config import UNetConfig

Steps = Generator[float, None, Tensor]
"""A forward pass in pieces: yields the multiply-adds just done, returns the result."""

_TRAFFIC = 50
"""Multiply-adds that take as long as writing one number of a large feature map."""


@dataclass(frozen=True)
class Window:
    """Where a network's input lies in the frame of the whole image.

    Attributes
    ----------
    start
        First pixel along each spatial axis.
    frame
        Shape of the whole padded image.
    """

    start: tuple[int, ...]
    frame: tuple[int, ...]

    def at(self, stride: Sequence[int]) -> Window:
        """Return the same window on a coarser level."""
        return Window(
            tuple(n // s for n, s in zip(self.start, stride, strict=True)),
            tuple(n // s for n, s in zip(self.frame, stride, strict=True)),
        )


class UNet(nn.Module):
    """U-Net of any depth and width, in 2-D or 3-D.

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
        self.up = nn.ModuleList(_up(config, level) for level in range(config.depth))
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
            (N, in_channels, [Z,] Y, X), any size. Sizes that are no multiple of the total stride
            are mirror-padded at the far edges and the result is cropped.
        windows
            Where each of the N inputs lies in its whole image, if it is a tile; sizes must then be
            multiples of the total stride.

        Returns
        -------
        Tensor
            (N, out_channels, [Z,] Y, X).
        """
        return finish(self.steps(x, windows))

    def steps(
        self, x: Tensor, windows: Sequence[Window] | None = None, piece: float | None = None
    ) -> Steps:
        """Forward pass that can be watched and left between its pieces.

        Parameters
        ----------
        x, windows
            As in `forward`.
        piece
            Cut convolutions of more than this many multiply-adds into strips along the first spatial
            axis; the result is the same. None: leave them whole.

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
        x = _padded(x, self.config.total_stride)
        if windows is None:
            windows = [Window((0,) * self.config.ndim, tuple(x.shape[2:]))] * len(x)
        if not self.config.tiles_exactly:
            piece = None
        skips = []
        for level, block in enumerate(self.encoder):
            inputs = [x]
            del x  # the list alone owns it, and is emptied as soon as it is used up
            x = yield from _run(block.children(), inputs, piece)
            if level < self.config.depth:
                skips.append(x)
                stride = self.config.strides[level]
                pool = functional.max_pool2d if x.dim() == 4 else functional.max_pool3d
                x = pool(x, stride)
        for level in reversed(range(self.config.depth)):
            x = yield from self._upsampled(level, x, windows, piece)
            inputs = [skips.pop(), x]
            del x
            x = yield from _run(self.decoder[level].children(), inputs, piece)
        x = yield from _run([self.head], [x], piece)
        for axis, n in enumerate(size, start=2):
            x = x.narrow(axis, 0, n)
        return x

    def _upsampled(
        self, level: int, x: Tensor, windows: Sequence[Window], piece: float | None
    ) -> Steps:
        """Bring the features of the level below to this level, strip by strip if that is large."""
        factor = self.config.strides[level]
        places = [w.at(self.config.level_strides[level + 1]) for w in windows]
        macs = float(x.numel()) * self.config.up_macs(level)
        rows, traffic = x.shape[2], 0.0 if piece is None else _TRAFFIC * x.numel() * prod(factor)
        n = 1 if piece is None else -int(-max(macs, traffic) // piece)
        height = max(4, -(-rows // n))
        if height >= rows:
            found = self._up(level, x, places)
            yield macs
            return found
        # linear interpolation looks one row across a strip's border
        reach = 0 if self.config.upsampling == "transposed" else 1
        out: Tensor | None = None
        for start in range(0, rows, height):
            stop = min(start + height, rows)
            low, high = max(0, start - reach), min(rows, stop + reach)
            moved = [Window((w.start[0] + low, *w.start[1:]), w.frame) for w in places]
            strip = self._up(level, x[:, :, low:high], moved)
            if out is None:
                out = _empty(strip, rows * factor[0])
            cut = slice((start - low) * factor[0], (stop - low) * factor[0])
            out[:, :, start * factor[0] : stop * factor[0]] = strip[:, :, cut]
            yield macs * (stop - start) / rows
        assert out is not None
        return out

    def _up(self, level: int, x: Tensor, places: Sequence[Window]) -> Tensor:
        # a 1×1 convolution commutes with interpolation (whose weights add up to 1) and is cheaper
        # before it
        x = self.up[level](x)
        if self.config.upsampling == "transposed":
            return x
        aligned = self.config.upsampling == "linear_aligned"
        found = [(w.start, w.frame) for w in places] if aligned else None
        return upsample(x, self.config.strides[level], found)


def _block(config: UNetConfig, width: int, widths: Sequence[int]) -> nn.ModuleList:
    pairs = list(zip((width, *widths), widths, strict=False))
    relu = [config.relu == "every" or i == len(pairs) - 1 for i in range(len(pairs))]
    return nn.ModuleList(Unit(config, a, b, r) for (a, b), r in zip(pairs, relu, strict=True))


def _up(config: UNetConfig, level: int) -> nn.Module:
    flat = config.ndim == 2
    below, width, stride = config.below(level), config.up[level], config.strides[level]
    if config.upsampling == "transposed":
        kind: Any = nn.ConvTranspose2d if flat else nn.ConvTranspose3d
        module: nn.Module = kind(below, width, stride, stride)
        return module
    if config.projection:
        return (nn.Conv2d if flat else nn.Conv3d)(below, width, 1)
    return nn.Identity()


def _padded(x: Tensor, stride: Sequence[int]) -> Tensor:
    for axis, step in enumerate(stride, start=2):
        size = x.shape[axis]
        if size % step:
            index = mirror_indices(0, -(-size // step) * step, size)
            x = x.index_select(axis, torch.from_numpy(index).to(x.device))
    return x


def _run(units: Iterable[nn.Module], inputs: list[Tensor], piece: float | None) -> Steps:
    """Run units one after the other on inputs that are joined along the channels."""
    for unit in units:
        weights = max(p.numel() for p in unit.parameters())
        total = float(weights) * len(inputs[0]) * prod(inputs[0].shape[2:])
        if piece is None or total <= piece:
            joined = torch.cat(inputs, dim=1) if len(inputs) > 1 else inputs[0]
            inputs.clear()
            out = unit(joined)
            del joined
            yield total
        else:
            out = yield from _strips(unit, inputs, total, -int(-total // piece))
            inputs.clear()
        inputs = [out]
        del out
    return inputs[0]


def _strips(unit: nn.Module, inputs: list[Tensor], macs: float, n: int) -> Steps:
    """Run a unit strip by strip, each read with the context its kernel needs."""
    rows = inputs[0].shape[2]
    conv: Any = unit.conv if isinstance(unit, Unit) else unit
    reach, *others = conv.padding
    convolve = functional.conv2d if inputs[0].dim() == 4 else functional.conv3d
    height = max(4, -(-rows // n))
    out: Tensor | None = None
    for start in range(0, rows, height):
        stop = min(start + height, rows)
        low, high = max(0, start - reach), min(rows, stop + reach)
        parts = [x[:, :, low:high] for x in inputs]
        strip = torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]
        # zeros only where the image ends: inside it, the rows read around a strip are its padding
        above, below = low - (start - reach), stop + reach - high
        if above or below:
            strip = functional.pad(strip, (0, 0) * len(others) + (above, below))
        strip = convolve(strip, conv.weight, conv.bias, padding=(0, *others))
        if isinstance(unit, Unit):
            strip = unit.finished(strip)
        if out is None:
            out = _empty(strip, rows)
        out[:, :, start:stop] = strip
        yield macs * (stop - start) / rows
    assert out is not None
    return out


def _empty(strip: Tensor, rows: int) -> Tensor:
    """Room for strips like this one, `rows` high in all, in the same layout."""
    last = torch.channels_last if strip.dim() == 4 else torch.channels_last_3d
    same = strip.is_contiguous(memory_format=last)
    shape = (strip.shape[0], strip.shape[1], rows, *strip.shape[3:])
    layout = last if same else torch.contiguous_format
    return torch.empty(shape, dtype=strip.dtype, device=strip.device, memory_format=layout)
