"""Linear upsampling that gives a tile the pixels it has in the whole image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

Place = tuple[tuple[int, ...], tuple[int, ...]]
"""First pixel of a tile, and shape of its frame; both before upsampling."""


def upsample(x: Tensor, factor: Sequence[int], places: Sequence[Place] | None) -> Tensor:
    """Upsample linearly by whole factors.

    Parameters
    ----------
    x
        (N, C, [Z,] Y, X).
    factor
        Factor along each spatial axis.
    places
        None for ``align_corners=False``, which does not depend on the position of a tile. For
        ``align_corners=True``, the position of each of the N tiles: output pixel i of an axis then
        samples position i·(L-1)/(f·L-1), where L is the length of the frame and f the factor.

    Returns
    -------
    Tensor
        (N, C, [Z,] Y, X), the spatial axes `factor` times as long.
    """
    mode = "bilinear" if x.dim() == 4 else "trilinear"
    size = tuple(x.shape[2:])
    target = [n * f for n, f in zip(size, factor, strict=True)]
    if places is None:
        return functional.interpolate(x, target, mode=mode, align_corners=False)
    if all(frame == size for _, frame in places):
        return functional.interpolate(x, target, mode=mode, align_corners=True)
    if len(set(places)) > 1:
        return torch.cat([upsample(x[i : i + 1], factor, [p]) for i, p in enumerate(places)])
    starts, frame = places[0]
    for axis, f in enumerate(factor):
        if size[axis] != frame[axis]:
            x = _stretch(x, axis + 2, f, starts[axis], frame[axis])
            target[axis] = x.shape[axis + 2]
    # along axes that the tile spans, torch's own upsampling is the same and faster
    return functional.interpolate(x, target, mode=mode, align_corners=True)


def _stretch(x: Tensor, axis: int, factor: int, start: int, frame: int) -> Tensor:
    """Upsample along one axis, at the positions in the whole frame."""
    if factor == 1:
        return x
    low, high, weight = neighbours(x.shape[axis], factor, start, frame)
    low, high, weight = low.to(x.device), high.to(x.device), weight.to(x.dtype).to(x.device)
    shape = [1] * x.dim()
    shape[axis] = -1
    below = x.index_select(axis, low)
    return below.lerp_(x.index_select(axis, high), weight.view(shape))


def neighbours(n: int, factor: int, start: int, frame: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return which pixels of a tile are mixed into each pixel of an upsampled axis.

    Parameters
    ----------
    n
        Length of the tile along the axis.
    factor
        Factor of the upsampling.
    start, frame
        First pixel of the tile, and length of the frame.

    Returns
    -------
    low, high : Tensor
        (n·factor,) int64: the pixels before and after each position.
    weight : Tensor
        (n·factor,) float32, 0 to 1: the share of the second.
    """
    # float32, step for step as in torch: with higher precision the positions would differ from those
    # of a pass over the whole image, by a ten-thousandth of a pixel far from the origin
    out = torch.arange(start * factor, (start + n) * factor, dtype=torch.float32)
    source = out * torch.tensor((frame - 1) / (factor * frame - 1), dtype=torch.float32)
    floor = source.floor()
    # pixels from beyond the tile only affect its halo, which is cropped
    low = (floor.long() - start).clamp(0, n - 1)
    return low, (low + 1).clamp(max=n - 1), source - floor
