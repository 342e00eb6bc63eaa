"""From labels, after they were warped, to what the network is to say and how much it matters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from napari_unet.core.annotations.annotation import IGNORE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST = 2**14 - 2
"""Numbers of objects that are told apart where they are close."""


@dataclass(frozen=True)
class Border:
    """Extra weight of pixels between objects, w0·exp(−(d1+d2)²/2σ²).

    d1 and d2 are the distances to the nearest and the second nearest object: Ronneberger, Fischer,
    Brox 2015 (10.1007/978-3-319-24574-4_28). In the paper the background has such weights; where maps
    of objects are learnt, so have the objects, inside which d1 is 0: most edges are against background,
    and it is the few between objects that keep these apart.

    Attributes
    ----------
    weight
        w0; other pixels weigh about 1.
    sigma
        σ in pixels of the finest axis.
    """

    weight: float = 10.0
    sigma: float = 5.0


@dataclass(frozen=True)
class Targets:
    """What the network is to say.

    Attributes
    ----------
    classes
        (N, [Z,] Y, X) int64: the class, 0 being background, or `IGNORE`.
    weights
        Same shape, float32: what is added to the weight of a pixel; None for nothing.
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
        (N, [Z,] Y, X), integers: classes, or with `objects` numbers of objects; 0 is background,
        `IGNORE` unlabelled.
    objects
        Whether they are numbers of objects; these train class 1.
    border
        For objects: how much more the background between them weighs. Where objects touch, a line of
        pixels one wide becomes background, as in the paper. None: neither.
    spacing
        Pixel size along each axis; empty if it is the same.
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
    """Return where objects touch one with a larger number, over corners too.

    Parameters
    ----------
    labels
        (N, [Z,] Y, X): numbers of objects, 0 or less where there is none.
    """
    around = grown(labels[None], range(labels.dim() - 1), square=True)[0]
    return (labels > 0) & (around > labels)


def border_weights(labels: Tensor, border: Border, spacing: Sequence[float] = ()) -> Tensor:
    """Compute the border weight of each pixel.

    Distances are taken in whole pixels by growing the objects, by squares and diamonds in turn so that
    disks become octagons: within a tenth of the Euclidean distance in a plane, a sixth in a volume.
    That takes the same time for one object and for thousands, on any device.

    Parameters
    ----------
    labels
        (N, [Z,] Y, X): numbers of objects, 0 or less where there is none.
    border
        The formula's constants.
    spacing
        Pixel size along each axis; empty if it is the same.

    Returns
    -------
    Tensor
        Same shape, float32.
    """
    # two numbers a multiple of MOST apart would count as one object, which they rarely neighbour
    number = torch.where(labels > 0, (labels - 1) % MOST + 1, 0).to(torch.int16)
    # The largest number of the objects that a growing disk meets, and MOST + 1 less the smallest.
    # Their sum is 0 for none, MOST + 1 for one, more for several.
    met = torch.stack([number, torch.where(number > 0, MOST + 1 - number, 0)])
    distances = torch.zeros_like(number)
    for axes, square in _growth(border, spacing or (1.0,) * (labels.dim() - 1)):
        # as many of the two distances as have not ended yet: 2, 1 or 0
        distances += (MOST + 2 - met[0] - met[1]).clamp_(0, 2)
        met = grown(met, axes, square)
    weights = border.weight * torch.exp(distances.float() ** 2 / (-2 * border.sigma**2))
    return weights * (met[0] + met[1] > MOST + 1)


def _growth(border: Border, spacing: Sequence[float]) -> Iterator[tuple[list[int], bool]]:
    """Return for each pixel of radius the axes to grow along, and whether over corners."""
    share = [min(spacing) / s for s in spacing]
    # further out the weight is less than a hundredth of w0
    for radius in range(1, round(3 * border.sigma) + 1):
        axes = [i for i, s in enumerate(share) if int(radius * s) > int((radius - 1) * s)]
        # squares in this share make octagons of diamonds
        yield axes, int(radius * 0.41) > int((radius - 1) * 0.41)


def grown(met: Tensor, axes: Sequence[int], square: bool) -> Tensor:
    """Return the maximum over each pixel and its neighbours.

    Parameters
    ----------
    met
        (any, N, [Z,] Y, X).
    axes
        The spatial axes along which neighbours lie, from 0.
    square
        Whether those over corners count.
    """
    out = met.clone()
    for axis in axes:
        source = out.clone() if square else met
        n, dim = met.shape[axis + 2], axis + 2
        for first in (0, 1):
            into = out.narrow(dim, first, n - 1)
            torch.maximum(into, source.narrow(dim, 1 - first, n - 1), out=into)
    return out
