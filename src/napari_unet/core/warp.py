"""Moves image and labels by one random map, resampling once, on the device they are on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.augment import Draw
    from napari_unet.core.elastic import Deformation

BLOCK = 1 << 17
"""Pixels moved at a time on a CPU, so that what is worked out for them stays in its cache."""


@torch.no_grad()
def warp(
    images: Tensor, labels: Tensor, draws: Sequence[Draw], *, ignore: int
) -> tuple[Tensor, Tensor]:
    """Move patches, image and labels alike.

    Parameters
    ----------
    images
        (N, C, [Z,] Y, X) float32: the patches with what lies around them, each patch at the centre
        (where what is around has an odd number of pixels, one less of them before it).
    labels
        (N, [Z,] Y, X), integers: theirs.
    draws
        What to do to each, drawn for one common shape.
    ignore
        Label of what comes from beyond the array.

    Returns
    -------
    images
        (N, C, *shape): sampled linearly; the array is taken to go on mirrored.
    labels
        (N, *shape), same dtype: the labels at the nearest pixels, untouched.
    """
    maps = [draw.deformation for draw in draws]
    shape = maps[0].shape
    start = [(n - m) // 2 for n, m in zip(labels.shape[1:], shape, strict=True)]
    if min(start) >= 0 and not any(one.resamples for one in maps):
        return _cropped(images, maps, start), _cropped(labels, maps, start)
    # half-precision coordinates would be off by pixels
    with torch.autocast(images.device.type, enabled=False):
        field = _Field.of(maps, start, images.device)
        n, c, rows, width = *images.shape[:2], field.rows.shape[1], shape[-1]
        moved, picked = images.new_empty(n, c, rows, width), labels.new_empty(n, rows, width)
        source = images if len(shape) == 2 else _pairs(images)
        ringed = functional.pad(labels, (1, 1) * len(shape), value=ignore)
        step = max(1, BLOCK // (n * width)) if images.device.type == "cpu" else rows
        for first in range(0, rows, step):
            block = slice(first, first + step)
            places = field.places(block)
            moved[:, :, block] = _sample(source, places, images.shape[2:])
            picked[:, block] = _pick(ringed, places)
    return moved.view(n, c, *shape), picked.view(n, *shape)


def _cropped(patches: Tensor, maps: Sequence[Deformation], start: Sequence[int]) -> Tensor:
    d = len(start)
    for axis, (first, n) in enumerate(zip(start, maps[0].shape, strict=True), -d):
        patches = patches.narrow(axis, first, n)
    flips = ([axis - d for axis in range(d) if one.mirrored[axis]] for one in maps)
    return torch.stack([patch.flip(axes) for patch, axes in zip(patches, flips, strict=True)])


@dataclass(frozen=True)
class _Field:
    """The factors of N maps on a device, those of all axes one after the other, X first."""

    n: int
    rows: Tensor
    columns: Tensor
    left: Tensor
    right: Tensor

    @classmethod
    def of(cls, maps: Sequence[Deformation], start: Sequence[int], device: torch.device) -> _Field:
        d = len(start)
        centre = np.add(start, (np.array(maps[0].shape) - 1) / 2)
        parts = [one.factors() for one in maps]

        def upload(arrays: list[np.ndarray]) -> Tensor:
            return torch.from_numpy(np.concatenate(arrays, dtype=np.float32)).to(device)

        return cls(
            n=len(maps),
            rows=upload([part.rows[::-1] for part in parts]),
            columns=upload([(part.columns + centre[:, None])[::-1] for part in parts]),
            left=upload([part.left[::-1] for part in parts]),
            right=upload([np.broadcast_to(part.right, (d, *part.right.shape)) for part in parts]),
        )

    def places(self, block: slice) -> Tensor:
        """Where the pixels of some rows come from: (N, d, rows, X), in pixels of the input."""
        places = self.rows[:, block, None] + self.columns[:, None, :]
        places.baddbmm_(self.left[:, block], self.right)
        return places.view(self.n, -1, *places.shape[1:])


def _sample(source: Tensor, places: Tensor, size: Sequence[int]) -> Tensor:
    grid = torch.empty_like(places[:, :2])
    x, y = grid.unbind(1)
    _normalise(places[:, 0], size[-1], out=x)
    if len(size) == 2:
        _normalise(places[:, 1], size[0], out=y)
        return _sampled(source, grid)
    depth, height = max(size[0], 2), size[1]
    z = _folded(places[:, 2], size[0])
    lower = z.floor().clamp_(max=depth - 2)
    tall = _folded(places[:, 1], height).add_(lower, alpha=height)
    _normalise(tall, (depth - 1) * height, out=y)
    between = z.sub_(lower)
    channels = (_sampled(pairs, grid).unbind(1) for pairs in source.unbind(1))
    return torch.stack([below.lerp_(above, between) for below, above in channels], dim=1)


def _sampled(planes: Tensor, grid: Tensor) -> Tensor:
    return functional.grid_sample(
        planes, grid.permute(0, 2, 3, 1), padding_mode="reflection", align_corners=True
    )


def _normalise(places: Tensor, n: int, out: Tensor) -> None:
    """Positions along an axis of `n` pixels, as ``grid_sample`` wants them."""
    torch.add(places.new_tensor(-1), places, alpha=2 / max(n - 1, 1), out=out)


def _pairs(images: Tensor) -> Tensor:
    """Each plane and the one above it, all such pairs one below the other: (N, C, 2, rows, X).

    So a volume is sampled as one tall image, which on a CPU takes a quarter of the time that torch
    takes to sample volumes. It is a view, not a copy.
    """
    if images.shape[2] == 1:
        images = images.expand(-1, -1, 2, -1, -1)
    return images.unfold(2, 2, 1).permute(0, 1, 5, 2, 3, 4).flatten(3, 4)


def _folded(places: Tensor, n: int) -> Tensor:
    """Positions along an axis of `n` pixels, mirrored back into it from any distance."""
    if n == 1:
        return torch.zeros_like(places)
    turn = 2 * (n - 1)
    return torch.sub(places, (places / turn).round_(), alpha=turn).abs_()


def _pick(ringed: Tensor, places: Tensor) -> Tensor:
    """Labels at the nearest pixels of an array with a ring around it; overwrites `places`."""
    index = torch.arange(len(ringed), dtype=torch.int32, device=ringed.device)[:, None, None]
    # half a pixel to round by cutting off decimals, one for the ring
    places += 1.5
    for axis, n in enumerate(ringed.shape[1:], 1):
        index = places[:, -axis].clamp_(0, n - 1).to(torch.int32).add_(index, alpha=n)
    return ringed.flatten().index_select(0, index.flatten()).view(index.shape)
