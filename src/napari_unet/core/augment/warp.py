"""Moves image and labels by one random map, resampling once, on the device they are on."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from napari_unet.core.tiling.plan import mirror_indices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.core.augment.draw import Augmentation
    from napari_unet.core.augment.elastic import Deformation, Factors

BLOCK = 1 << 18
"""Pixels moved at a time on a CPU, so that what is worked out for them stays in its cache."""


@torch.no_grad()
def warp(
    images: Tensor, labels: Tensor, draws: Sequence[Augmentation], *, ignore: int
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
    size, shape = labels.shape[1:], maps[0].shape
    start = [(n - m) // 2 for n, m in zip(size, shape, strict=True)]
    if min(start) >= 0 and not any(one.resamples for one in maps):
        return _cropped(images, maps, start), _cropped(labels, maps, start)
    parts = [one.factors() for one in maps]
    centre = np.add(start, np.array(shape) / 2)
    around = _beyond(parts, centre, size)
    if any(any(pair) for pair in around):
        images = _mirrored(images, around)
        labels = functional.pad(labels, _flat(around), value=ignore)
        centre += [before for before, _ in around]
    # half-precision coordinates would be off by pixels
    with torch.autocast(images.device.type, enabled=False):
        moved, picked = _resampled(images, labels, _Field.of(parts, centre, images.device))
    return moved.view(*images.shape[:2], *shape), picked.view(-1, *shape)


def _cropped(patches: Tensor, maps: Sequence[Deformation], start: Sequence[int]) -> Tensor:
    d = len(start)
    for axis, (first, n) in enumerate(zip(start, maps[0].shape, strict=True), -d):
        patches = patches.narrow(axis, first, n)
    flips = ([axis - d for axis in range(d) if one.mirrored[axis]] for one in maps)
    return torch.stack([patch.flip(axes) for patch, axes in zip(patches, flips, strict=True)])


def _beyond(
    parts: Sequence[Factors], centre: NDArray[np.float64], size: Sequence[int]
) -> list[tuple[int, int]]:
    """By how many pixels maps reach beyond an array, before and after it, along each axis."""
    lowest, highest = zip(*(part.bounds() for part in parts), strict=True)
    before = 0.5 - centre - np.min(lowest, axis=0)
    after = 0.5 + centre + np.max(highest, axis=0) - size
    return [(max(0, ceil(b)), max(0, ceil(a))) for b, a in zip(before, after, strict=True)]


def _mirrored(images: Tensor, around: Sequence[tuple[int, int]]) -> Tensor:
    size = images.shape[2:]
    if all(max(pad) < n for pad, n in zip(around, size, strict=True)):
        return functional.pad(images, _flat(around), mode="reflect")
    for axis, ((before, after), n) in enumerate(zip(around, size, strict=True), 2):
        index = torch.from_numpy(mirror_indices(-before, n + after, n))
        images = images.index_select(axis, index.to(images.device))
    return images


def _flat(around: Sequence[tuple[int, int]]) -> list[int]:
    return [pixels for pair in reversed(around) for pixels in pair]


@dataclass(frozen=True)
class _Field:
    """The factors of N maps on a device, X first of the axes.

    Positions count from the outer corner of an array: pixel i lies between i and i + 1.
    """

    rows: Tensor
    columns: Tensor
    left: Tensor
    right: Tensor

    @classmethod
    def of(
        cls, parts: Sequence[Factors], centre: NDArray[np.float64], device: torch.device
    ) -> _Field:
        def upload(arrays: list[NDArray[Any]]) -> Tensor:
            return torch.from_numpy(np.stack(arrays, dtype=np.float32)).to(device)

        return cls(
            rows=upload([part.rows[::-1] for part in parts]),
            columns=upload([(part.columns + centre[:, None])[::-1] for part in parts]),
            left=upload([part.left[::-1] for part in parts]),
            right=upload([part.right for part in parts]),
        )

    def places(self, block: slice) -> Tensor:
        """Where the pixels of some rows come from: (N, d, rows, X)."""
        places = self.rows[:, :, block, None] + self.columns[:, :, None]
        places.flatten(1, 2).baddbmm_(self.left[:, :, block].flatten(1, 2), self.right)
        return places


def _resampled(images: Tensor, labels: Tensor, field: _Field) -> tuple[Tensor, Tensor]:
    """Image (N, C, rows, X) and labels (N, rows, X); the arrays hold all that is asked for."""
    n, _, *size = images.shape
    source = images if len(size) == 2 else _pairs(images)
    rows, width = field.rows.shape[2], field.columns.shape[2]
    step = max(1, BLOCK // (n * width)) if images.device.type == "cpu" else rows
    moved, picked = [], []
    for first in range(0, rows, step):
        places = field.places(slice(first, first + step))
        picked.append(_gathered(labels, places))
        # last, for it uses up the places
        moved.append(_sampled(source, places, size))
    return _joined(moved, 2), _joined(picked, 1)


def _joined(blocks: list[Tensor], axis: int) -> Tensor:
    return blocks[0] if len(blocks) == 1 else torch.cat(blocks, axis)


def _sampled(source: Tensor, places: Tensor, size: Sequence[int]) -> Tensor:
    """Sample at places, which are overwritten: new memory costs a CPU more than the sums do."""
    if len(size) == 2:
        return _looked_up(source, _grid(places, size))
    z = places[:, 2] - 0.5
    lower = z.floor().clamp_(0, max(size[0] - 2, 0))
    # the pair of planes one below the other in which to look
    places[:, 1].add_(lower, alpha=size[1])
    between = z.sub_(lower)
    grid = _grid(places[:, :2], source.shape[-2:])
    channels = (_looked_up(pairs, grid).unbind(1) for pairs in source.unbind(1))
    return torch.stack([below.lerp_(above, between) for below, above in channels], dim=1)


def _looked_up(planes: Tensor, grid: Tensor) -> Tensor:
    return functional.grid_sample(planes, grid, padding_mode="border", align_corners=False)


def _grid(places: Tensor, size: Sequence[int]) -> Tensor:
    """Turn places (N, 2, rows, X) into those from -1 to 1 that torch wants, without a copy."""
    for axis, n in enumerate(reversed(size)):
        places[:, axis].mul_(2 / n).sub_(1)
    return places.permute(0, 2, 3, 1)


def _pairs(images: Tensor) -> Tensor:
    """Each plane and the one above it, all such pairs one below the other: (N, C, 2, rows, X).

    So a volume is sampled as one tall image, which on a CPU takes half the time that torch takes to
    sample volumes. It is a view, not a copy.
    """
    if images.shape[2] == 1:
        images = images.expand(-1, -1, 2, -1, -1)
    return images.unfold(2, 2, 1).permute(0, 1, 5, 2, 3, 4).flatten(3, 4)


def _gathered(labels: Tensor, places: Tensor) -> Tensor:
    index = places[:, -1].to(torch.int32)
    for axis, n in enumerate(labels.shape[2:], 2):
        index = places[:, -axis].to(torch.int32).add_(index, alpha=n)
    if len(labels) > 1:
        first = torch.arange(len(labels), dtype=torch.int32, device=labels.device)
        index += first[:, None, None] * labels[0].numel()
    return labels.flatten().index_select(0, index.flatten()).view(index.shape)
