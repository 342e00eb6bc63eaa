"""From labels of objects, after they were warped, to the three maps that tell objects apart."""

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
    """What the network is to say about objects.

    Attributes
    ----------
    maps
        (N, 3, [Z,] Y, X) float32 from 0 to 1: inside an object; within a pixel of an object's edge, on
        either side; distance to the object's edge, as a share of the largest in that object.
    known
        Same shape, bool: of which of these anything is known.
    weights
        (N, [Z,] Y, X) float32: what is added to the weight of a pixel, which is 1; None for nothing.
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
        (N, [Z,] Y, X), integers: numbers of objects, 0 in the background, `IGNORE` where nothing
        is known.
    objects
        Whether objects are told apart. If not, all labels above 0 say foreground and no more.
    border
        How much more pixels weigh that lie between objects. None: all are alike.
    spacing
        Pixel size along each axis; empty if it is the same.
    """
    known = labels != IGNORE
    foreground = labels > 0
    if not objects:
        nothing = torch.zeros_like(foreground)
        maps = torch.stack([foreground, nothing, nothing], dim=1).float()
        return ObjectTargets(maps, torch.stack([known, nothing, nothing], dim=1))
    found = [
        normalised_distance(each, spacing or (1.0,) * (labels.dim() - 1))
        for each in labels.cpu().numpy()
    ]
    distance, certain = (
        torch.from_numpy(np.stack(each)).to(labels.device) for each in zip(*found, strict=True)
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
    """Return the distance of each pixel to its object's edge as a share of the largest there.

    Parameters
    ----------
    labels
        ([Z,] Y, X): numbers of objects, 0 in the background, `IGNORE` where nothing is known.
    spacing
        Pixel size along each axis.

    Returns
    -------
    distance : ndarray of float32
        Same shape, 0 to 1; 0 outside of objects.
    certain : ndarray of bool
        Same shape. What an object is like beyond the patch or in unknown pixels can change its
        distances: those nearer to its edge than to these are certain, if the largest one is too.
    """
    small, numbers = _renumbered(labels)
    size = tuple(spacing)
    inner = edt.edt(small, anisotropy=size, black_border=False)
    visible = edt.edt(labels != IGNORE, anisotropy=size, black_border=True)
    inner = np.where(np.isfinite(inner), inner, visible)
    sure = inner < visible
    largest = _largest(small, inner, len(numbers))
    largest_sure = _largest(small, np.where(sure, inner, 0), len(numbers))
    whole = largest_sure >= largest
    distance = inner / np.maximum(largest[small], np.finfo(np.float32).tiny)
    inside = small > 0
    certain = ~inside | (sure & whole[small])
    return np.where(inside, distance, 0).astype(np.float32), certain


def _renumbered(labels: NDArray[Any]) -> tuple[NDArray[np.uint32], NDArray[Any]]:
    """Number the objects of a patch from 1; all else is 0."""
    numbers, where = np.unique(np.maximum(labels, 0), return_inverse=True)
    found = where.reshape(labels.shape).astype(np.uint32)
    if numbers[0] > 0:
        return found + 1, np.concatenate([[0], numbers])
    return found, numbers


def _largest(labels: NDArray[np.uint32], values: NDArray[Any], n: int) -> NDArray[np.float32]:
    found = np.zeros(n, np.float32)
    np.maximum.at(found, labels.ravel(), values.ravel())
    return found
