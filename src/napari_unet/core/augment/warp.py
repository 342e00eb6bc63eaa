"""Deforming image and labels alike, resampling once, on the device they are on."""

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

CPU_BLOCK_PIXELS = 1 << 18
"""Pixels that are sampled at a time on a CPU, so that their coordinates stay in its cache."""


@torch.no_grad()
def warp(
    images: Tensor, labels: Tensor, drawn: Sequence[Augmentation], *, ignore: int
) -> tuple[Tensor, Tensor]:
    r"""Deform patches, image and labels alike.

    Parameters
    ----------
    images
        (N, C, [Z,] Y, X) float32: the patches at the centre of what lies around them. Where that has an
        odd number of pixels along an axis, the patch is preceded by one pixel less than follow it.
    labels
        (N, [Z,] Y, X), integers: their labels.
    drawn
        The random numbers for each of the N patches, all of the same shape.
    ignore
        Label of pixels that come from beyond the array.

    Returns
    -------
    images
        (N, C, \*shape) float32: sampled linearly, the array mirrored beyond its edges.
    labels
        (N, \*shape), same dtype: the labels of the nearest pixels; no new values.
    """
    maps = [each.deformation for each in drawn]
    size, shape = labels.shape[1:], maps[0].shape
    start = [(n - m) // 2 for n, m in zip(size, shape, strict=True)]
    if min(start) >= 0 and not any(deformation.resamples for deformation in maps):
        return _cropped(images, maps, start), _cropped(labels, maps, start)
    factors = [deformation.factors() for deformation in maps]
    centre = np.add(start, np.array(shape) / 2)
    padding = _padding(factors, centre, size)
    if any(any(pair) for pair in padding):
        images = _mirror_pad(images, padding)
        labels = functional.pad(labels, _flat(padding), value=ignore)
        centre += [before for before, _ in padding]
    # half-precision coordinates would be off by pixels
    with torch.autocast(images.device.type, enabled=False):
        sampled, nearest = _resample(images, labels, _Field.of(factors, centre, images.device))
    return sampled.view(*images.shape[:2], *shape), nearest.view(-1, *shape)


def _cropped(patches: Tensor, maps: Sequence[Deformation], start: Sequence[int]) -> Tensor:
    d = len(start)
    for axis, (first, n) in enumerate(zip(start, maps[0].shape, strict=True), -d):
        patches = patches.narrow(axis, first, n)
    flips = ([axis - d for axis in range(d) if each.mirrored[axis]] for each in maps)
    return torch.stack([patch.flip(axes) for patch, axes in zip(patches, flips, strict=True)])


def _padding(
    factors: Sequence[Factors], centre: NDArray[np.float64], size: Sequence[int]
) -> list[tuple[int, int]]:
    """Return by how many pixels maps reach beyond an array, before and after it along each axis."""
    lowest, highest = zip(*(each.bounds() for each in factors), strict=True)
    before = 0.5 - centre - np.min(lowest, axis=0)
    after = 0.5 + centre + np.max(highest, axis=0) - size
    return [(max(0, ceil(b)), max(0, ceil(a))) for b, a in zip(before, after, strict=True)]


def _mirror_pad(images: Tensor, padding: Sequence[tuple[int, int]]) -> Tensor:
    size = images.shape[2:]
    if all(max(pad) < n for pad, n in zip(padding, size, strict=True)):
        return functional.pad(images, _flat(padding), mode="reflect")
    for axis, ((before, after), n) in enumerate(zip(padding, size, strict=True), 2):
        index = torch.from_numpy(mirror_indices(-before, n + after, n))
        images = images.index_select(axis, index.to(images.device))
    return images


def _flat(padding: Sequence[tuple[int, int]]) -> list[int]:
    return [pixels for pair in reversed(padding) for pixels in pair]


@dataclass(frozen=True)
class _Field:
    """The factors of N maps on a device, with X as the first axis.

    Positions are measured from the outer corner of an array: pixel i lies between i and i + 1.
    """

    rows: Tensor
    columns: Tensor
    left: Tensor
    right: Tensor

    @classmethod
    def of(
        cls, factors: Sequence[Factors], centre: NDArray[np.float64], device: torch.device
    ) -> _Field:
        def upload(arrays: list[NDArray[Any]]) -> Tensor:
            return torch.from_numpy(np.stack(arrays, dtype=np.float32)).to(device)

        return cls(
            rows=upload([each.rows[::-1] for each in factors]),
            columns=upload([(each.columns + centre[:, None])[::-1] for each in factors]),
            left=upload([each.left[::-1] for each in factors]),
            right=upload([each.right for each in factors]),
        )

    def positions(self, block: slice) -> Tensor:
        """Return where the pixels of some rows come from, (N, d, rows, X)."""
        positions = self.rows[:, :, block, None] + self.columns[:, :, None]
        positions.flatten(1, 2).baddbmm_(self.left[:, :, block].flatten(1, 2), self.right)
        return positions


def _resample(images: Tensor, labels: Tensor, field: _Field) -> tuple[Tensor, Tensor]:
    """Return images (N, C, rows, X) and labels (N, rows, X); no position lies beyond the arrays."""
    n, _, *size = images.shape
    source = images if len(size) == 2 else _pairs(images)
    rows, width = field.rows.shape[2], field.columns.shape[2]
    step = max(1, CPU_BLOCK_PIXELS // (n * width)) if images.device.type == "cpu" else rows
    sampled, nearest = [], []
    for first in range(0, rows, step):
        positions = field.positions(slice(first, first + step))
        nearest.append(_nearest(labels, positions))
        # last, as it overwrites the positions
        sampled.append(_sample(source, positions, size))
    return _joined(sampled, 2), _joined(nearest, 1)


def _joined(blocks: list[Tensor], axis: int) -> Tensor:
    return blocks[0] if len(blocks) == 1 else torch.cat(blocks, axis)


def _sample(source: Tensor, positions: Tensor, size: Sequence[int]) -> Tensor:
    """Sample linearly; overwrites the positions, as new memory costs a CPU more than the arithmetic."""
    if len(size) == 2:
        return _sample_planes(source, _grid(positions, size))
    z = positions[:, 2] - 0.5
    lower = z.floor().clamp_(0, max(size[0] - 2, 0))
    # pairs of planes are stacked along Y: go to the pair around z
    positions[:, 1].add_(lower, alpha=size[1])
    between = z.sub_(lower)
    grid = _grid(positions[:, :2], source.shape[-2:])
    channels = (_sample_planes(pairs, grid).unbind(1) for pairs in source.unbind(1))
    return torch.stack([below.lerp_(above, between) for below, above in channels], dim=1)


def _sample_planes(planes: Tensor, grid: Tensor) -> Tensor:
    return functional.grid_sample(planes, grid, padding_mode="border", align_corners=False)


def _grid(positions: Tensor, size: Sequence[int]) -> Tensor:
    """Turn positions (N, 2, rows, X) into a grid from -1 to 1 as torch expects it, in place."""
    for axis, n in enumerate(reversed(size)):
        positions[:, axis].mul_(2 / n).sub_(1)
    return positions.permute(0, 2, 3, 1)


def _pairs(images: Tensor) -> Tensor:
    """Return pairs of neighbouring planes, stacked along Y: (N, C, 2, rows, X).

    A volume can then be sampled as one tall image, which on a CPU takes half the time of sampling
    volumes in torch. The result is a view, not a copy.
    """
    if images.shape[2] == 1:
        images = images.expand(-1, -1, 2, -1, -1)
    return images.unfold(2, 2, 1).permute(0, 1, 5, 2, 3, 4).flatten(3, 4)


def _nearest(labels: Tensor, positions: Tensor) -> Tensor:
    index = positions[:, -1].to(torch.int32)
    for axis, n in enumerate(labels.shape[2:], 2):
        index = positions[:, -axis].to(torch.int32).add_(index, alpha=n)
    if len(labels) > 1:
        first = torch.arange(len(labels), dtype=torch.int32, device=labels.device)
        index += first[:, None, None] * labels[0].numel()
    return labels.flatten().index_select(0, index.flatten()).view(index.shape)
