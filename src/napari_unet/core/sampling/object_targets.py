"""The three maps that a network of objects learns, made from the warped labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import edt
import numpy as np
import torch
from torch import Tensor

from napari_unet.core.annotations.annotation import IGNORE
from napari_unet.core.sampling.targets import border_weights, grown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.core.sampling.targets import Border


@dataclass(frozen=True)
class ObjectTargets:
    """What a network of objects should predict.

    Attributes
    ----------
    maps
        (N, 3, [Z,] Y, X) float32 from 0 to 1: foreground; boundary, within a pixel of an object's edge
        on either side; distance to the object's edge, as a fraction of the largest in that object.
    known
        Same shape, bool: where the maps are known.
    weights
        (N, [Z,] Y, X) float32: added to the weight of each pixel, which is 1; None: nothing is added.
    """

    maps: Tensor
    known: Tensor
    weights: Tensor | None = None


def object_targets(
    labels: Tensor,
    *,
    objects: bool,
    border: Border | None = None,
    spacing: Sequence[float] = (),
) -> ObjectTargets:
    """Make the targets of a batch, on the device the labels are on.

    Parameters
    ----------
    labels
        (N, [Z,] Y, X), integers: object numbers, 0 in the background, `IGNORE` where unlabelled.
    objects
        Whether labels tell objects apart. If not, labels above 0 only mean foreground.
    border
        Extra weight of pixels between objects. None: all have the same weight.
    spacing
        Pixel size along each axis; empty if all are the same.
    """
    known = labels != IGNORE
    foreground = labels > 0
    if not objects:
        nothing = torch.zeros_like(foreground)
        maps = torch.stack([foreground, nothing, nothing], dim=1).float()
        return ObjectTargets(maps, torch.stack([known, nothing, nothing], dim=1))
    distances = [
        normalised_distance(each, spacing or (1.0,) * (labels.dim() - 1))
        for each in labels.cpu().numpy()
    ]
    distance, certain = (
        torch.from_numpy(np.stack(each)).to(labels.device) for each in zip(*distances, strict=True)
    )
    axes = range(labels.dim() - 1)
    # whether any neighbour is unknown, has a larger or a smaller label
    unknown = grown((~known)[None].to(torch.uint8), axes, square=True)[0] > 0
    boundary = (grown(labels[None], axes, square=False)[0] > labels) | (
        grown(-labels[None], axes, square=False)[0] > -labels
    )
    maps = torch.stack([foreground.float(), boundary.float(), distance], dim=1)
    weights = None if border is None else border_weights(labels, border, spacing)
    return ObjectTargets(
        maps, torch.stack([known, known & ~unknown, known & certain], dim=1), weights
    )


def normalised_distance(
    labels: NDArray[Any], spacing: Sequence[float]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return each pixel's distance to its object's edge, as a fraction of the largest there.

    Parameters
    ----------
    labels
        ([Z,] Y, X): object numbers, 0 in the background, `IGNORE` where unlabelled.
    spacing
        Pixel size along each axis.

    Returns
    -------
    distance : ndarray of float32
        Same shape, 0 to 1; 0 outside of objects.
    certain : ndarray of bool
        Same shape. The part of an object beyond the patch, or in unlabelled pixels, can change its
        distances: those nearer to its edge than to such pixels are certain, if the largest one is.
    """
    numbered, numbers = _renumbered(labels)
    size = tuple(spacing)
    to_edge = edt.edt(numbered, anisotropy=size, black_border=False)
    to_unknown = edt.edt(labels != IGNORE, anisotropy=size, black_border=True)
    to_edge = np.where(np.isfinite(to_edge), to_edge, to_unknown)
    certain = to_edge < to_unknown
    largest = _largest(numbered, to_edge, len(numbers))
    largest_certain = _largest(numbered, np.where(certain, to_edge, 0), len(numbers))
    whole = largest_certain >= largest
    distance = to_edge / np.maximum(largest[numbered], np.finfo(np.float32).tiny)
    inside = numbered > 0
    certain = ~inside | (certain & whole[numbered])
    return np.where(inside, distance, 0).astype(np.float32), certain


def _renumbered(labels: NDArray[Any]) -> tuple[NDArray[np.uint32], NDArray[Any]]:
    """Number the objects of a patch from 1, with 0 elsewhere; return their old numbers, too."""
    numbers, indices = np.unique(np.maximum(labels, 0), return_inverse=True)
    numbered = indices.reshape(labels.shape).astype(np.uint32)
    if numbers[0] > 0:
        return numbered + 1, np.concatenate([[0], numbers])
    return numbered, numbers


def _largest(labels: NDArray[np.uint32], values: NDArray[Any], n: int) -> NDArray[np.float32]:
    largest = np.zeros(n, np.float32)
    np.maximum.at(largest, labels.ravel(), values.ravel())
    return largest
