"""Targets of the network, and weights of the pixels, made from the warped labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from napari_unet.core.annotations.annotation import IGNORE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_NUMBER = 2**14 - 2
"""Largest object number; larger ones are wrapped, so that they fit into 16 bits."""


@dataclass(frozen=True)
class Border:
    """Extra weight of pixels between objects, w0·exp(−(d1+d2)²/2σ²).

    d1 and d2 are the distances to the nearest and the second nearest object: Ronneberger, Fischer,
    Brox 2015 (10.1007/978-3-319-24574-4_28). In the paper only the background has such weights. Where
    object maps are learnt, the objects have them, too, with d1 = 0: most edges are against background,
    and it is the few between objects that separate these.

    Attributes
    ----------
    weight
        w0; the weight of other pixels is about 1.
    sigma
        σ in pixels of the finest axis.
    """

    weight: float = 10.0
    sigma: float = 5.0


@dataclass(frozen=True)
class Targets:
    """What the network should predict.

    Attributes
    ----------
    classes
        (N, [Z,] Y, X) int64: the class, with 0 for background, or `IGNORE`.
    weights
        Same shape, float32: added to the weight of each pixel; None: nothing is added.
    """

    classes: Tensor
    weights: Tensor | None = None


def make_targets(
    labels: Tensor,
    *,
    objects: bool,
    border: Border | None = None,
    spacing: Sequence[float] = (),
) -> Targets:
    """Make the targets of a batch, on the device the labels are on.

    Parameters
    ----------
    labels
        (N, [Z,] Y, X), integers: classes, or object numbers; 0 is background, `IGNORE` unlabelled.
    objects
        Whether the labels are object numbers; all objects are of class 1.
    border
        For objects: the extra weight of the background between them. Then a line one pixel wide
        becomes background where objects touch, as in the paper. None: neither.
    spacing
        Pixel size along each axis; empty if all are the same.
    """
    if not objects:
        return Targets(labels.long())
    classes = labels.clamp(IGNORE, 1).long()
    if border is None:
        return Targets(classes)
    classes[touching(labels)] = 0
    weights = border_weights(labels, border, spacing)
    return Targets(classes, weights * (classes == 0))


def touching(labels: Tensor) -> Tensor:
    """Return where objects touch one with a larger number, also across corners.

    Parameters
    ----------
    labels
        (N, [Z,] Y, X): object numbers, 0 or less elsewhere.
    """
    around = grown(labels[None], range(labels.dim() - 1), square=True)[0]
    return (labels > 0) & (around > labels)


def border_weights(labels: Tensor, border: Border, spacing: Sequence[float] = ()) -> Tensor:
    """Compute the border weight of each pixel.

    Distances are measured in whole pixels by dilating the objects with squares and diamonds in turn, so
    that disks become octagons: within a tenth of the Euclidean distance in a plane, a sixth in a volume.
    This takes the same time for one object as for thousands, on any device.

    Parameters
    ----------
    labels
        (N, [Z,] Y, X): object numbers, 0 or less elsewhere.
    border
        Constants of the formula.
    spacing
        Pixel size along each axis; empty if all are the same.

    Returns
    -------
    Tensor
        Same shape, float32.
    """
    # numbers that differ by a multiple of MAX_NUMBER count as one object, but hardly ever are close
    number = torch.where(labels > 0, (labels - 1) % MAX_NUMBER + 1, 0).to(torch.int16)
    # The largest object number within the radius, and MAX_NUMBER + 1 less the smallest one: their sum
    # is 0 for no object, MAX_NUMBER + 1 for one, more for several.
    met = torch.stack([number, torch.where(number > 0, MAX_NUMBER + 1 - number, 0)])
    distances = torch.zeros_like(number)
    for axes, square in _growth(border, spacing or (1.0,) * (labels.dim() - 1)):
        # as many of the two distances as still grow: 2, 1 or 0
        distances += (MAX_NUMBER + 2 - met[0] - met[1]).clamp_(0, 2)
        met = grown(met, axes, square)
    weights = border.weight * torch.exp(distances.float() ** 2 / (-2 * border.sigma**2))
    return weights * (met[0] + met[1] > MAX_NUMBER + 1)


def _growth(border: Border, spacing: Sequence[float]) -> Iterator[tuple[list[int], bool]]:
    """Return for each pixel of the radius the axes to grow along, and whether across corners."""
    relative = [min(spacing) / s for s in spacing]
    # further out the weight is less than a hundredth of w0
    for radius in range(1, round(3 * border.sigma) + 1):
        axes = [i for i, s in enumerate(relative) if int(radius * s) > int((radius - 1) * s)]
        # this fraction of squares turns diamonds into octagons
        yield axes, int(radius * 0.41) > int((radius - 1) * 0.41)


def grown(met: Tensor, axes: Sequence[int], square: bool) -> Tensor:
    """Return the maximum over each pixel and its neighbours.

    Parameters
    ----------
    met
        (any, N, [Z,] Y, X).
    axes
        The spatial axes along which neighbours are taken, from 0.
    square
        Whether neighbours across corners count.
    """
    out = met.clone()
    for axis in axes:
        source = out.clone() if square else met
        n, dim = met.shape[axis + 2], axis + 2
        for first in (0, 1):
            into = out.narrow(dim, first, n - 1)
            torch.maximum(into, source.narrow(dim, 1 - first, n - 1), out=into)
    return out
