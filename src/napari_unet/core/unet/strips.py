"""Convolutions in strips: cancellable between them, and without one large joined input."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_unet.core.unet.layers import Unit

Steps = Generator[float, None, Tensor]
"""A computation in steps: yields the multiply-adds just done, and returns the result."""

MIN_STRIP_ROWS = 4
"""Fewest rows of a strip: the rows read around a strip must stay a small part of it."""


def run_units(units: Iterable[nn.Module], inputs: list[Tensor], max_macs: float | None) -> Steps:
    """Run units one after the other on inputs that are joined along the channels.

    Parameters
    ----------
    units
        Units, or convolutions.
    inputs
        The features to join, (N, C, [Z,] Y, X) each. The list is emptied as soon as it has been used.
    max_macs
        A convolution of more multiply-adds than this is cut into strips along the first spatial axis;
        the result is the same. None: none is.

    Yields
    ------
    float
        Multiply-adds done since the last yield.

    Returns
    -------
    Tensor
        The output of the last unit.
    """
    for unit in units:
        weights = max(p.numel() for p in unit.parameters())
        total = float(weights) * len(inputs[0]) * prod(inputs[0].shape[2:])
        if max_macs is None or total <= max_macs:
            joined = torch.cat(inputs, dim=1) if len(inputs) > 1 else inputs[0]
            inputs.clear()
            out = unit(joined)
            del joined
            yield total
        else:
            out = yield from _run_in_strips(unit, inputs, total, -int(-total // max_macs))
            inputs.clear()
        inputs = [out]
        del out
    return inputs[0]


def strip_rows(rows: int, n_strips: int) -> int:
    """Return the number of rows of a strip, for about `n_strips` of them."""
    return max(MIN_STRIP_ROWS, -(-rows // n_strips))


def empty_like_strip(strip: Tensor, rows: int) -> Tensor:
    """Return an empty tensor that holds strips like this one, `rows` rows in all, in its layout."""
    last = torch.channels_last if strip.dim() == 4 else torch.channels_last_3d
    same = strip.is_contiguous(memory_format=last)
    shape = (strip.shape[0], strip.shape[1], rows, *strip.shape[3:])
    layout = last if same else torch.contiguous_format
    return torch.empty(shape, dtype=strip.dtype, device=strip.device, memory_format=layout)


def _run_in_strips(unit: nn.Module, inputs: list[Tensor], macs: float, n_strips: int) -> Steps:
    """Run a unit strip by strip, each read with the context that its kernel needs."""
    rows = inputs[0].shape[2]
    conv: Any = unit.conv if isinstance(unit, Unit) else unit
    reach, *others = conv.padding
    convolve = functional.conv2d if inputs[0].dim() == 4 else functional.conv3d
    height = strip_rows(rows, n_strips)
    out: Tensor | None = None
    for start in range(0, rows, height):
        stop = min(start + height, rows)
        low, high = max(0, start - reach), min(rows, stop + reach)
        parts = [x[:, :, low:high] for x in inputs]
        strip = torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]
        # zeros only at the edges of the image; elsewhere the rows around a strip are its padding
        above, below = low - (start - reach), stop + reach - high
        if above or below:
            strip = functional.pad(strip, (0, 0) * len(others) + (above, below))
        strip = convolve(strip, conv.weight, conv.bias, padding=(0, *others))
        if isinstance(unit, Unit):
            strip = unit.activate(strip)
        if out is None:
            out = empty_like_strip(strip, rows)
        out[:, :, start:stop] = strip
        yield macs * (stop - start) / rows
    assert out is not None
    return out
