"""How much each object of a result is to be doubted, from the network's own outputs and from its shape.

Five signs of each object enter a logistic formula: the mean uncertainty of foreground and of boundary
inside it (see `core/inference/uncertainty.py`), how far the distance output is from the distance to its
own edge, how far its size is from the median of the image, and how compact it is. The weights were
fitted by `benchmarks/doubt.py --fit` to the objects that the network for nuclei found in its own
training images, to tell those with an IoU below 0.5 with every true one; the same script judges them by
images set aside. The size of the nearest neighbour was tried, too: it added nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gamma, pi, prod
from typing import TYPE_CHECKING, Any

import edt
import numpy as np

from napari_unet.core.inference.outputs import UINT8_SCALE
from napari_unet.core.inference.uncertainty import question_uncertainty

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_unet.core.model.spec import ModelSpec

    Values = NDArray[np.float64]

SIGNS = ("foreground", "boundary", "distance", "size", "compactness")
WEIGHTS = (3.23, 2.59, 4.16, 0.8, -3.08)
"""Of the signs, in their order."""
TYPICAL = (0.198, 0.273, 0.083, 0.471, 0.873)
"""Mean of each sign; one that is not known counts as typical."""
INTERCEPT = -3.03
"""Log-odds of an object with typical signs."""
REASONS = (
    "unsure whether it is an object",
    "unsure of its borders",
    "may be several objects, or part of one",
    "unusual size",
    "irregular shape",
)
"""In words, for the sign that speaks most against an object."""
SMALL, LARGE = "unusually small", "unusually large"
PIECE = 1 << 20
"""Pixels that are summed at once, so that other threads have their turn."""


@dataclass(frozen=True, eq=False)
class ObjectSigns:
    """What tells how much the objects of a plane or volume are to be doubted.

    Attributes
    ----------
    numbers
        (n,) of the objects, ascending.
    pixels
        (n,) pixels of each.
    centres
        (n, dimensions) mean of its pixels.
    values
        (n, 5) the signs, in the order of `SIGNS`, with the logarithm of the pixels for the size; NaN
        where a sign is not known.
    """

    numbers: NDArray[np.int64]
    pixels: NDArray[np.int64]
    centres: Values
    values: Values


def object_signs(
    labels: NDArray[Any], outputs: NDArray[np.uint8], spec: ModelSpec, spacing: Sequence[float] = ()
) -> ObjectSigns:
    r"""Collect the signs of the objects of a plane or volume.

    Parameters
    ----------
    labels
        ([Z,] Y, X): number of the object, 0 or less elsewhere.
    outputs
        uint8, (out_channels, \*shape of the labels): the outputs of the network.
    spec
        Its description.
    spacing
        Pixel size along each axis; empty: the same along all.
    """
    size = tuple(spacing) or (1.0,) * labels.ndim
    where = np.flatnonzero(labels > 0)
    numbers, which = np.unique(labels.ravel()[where], return_inverse=True)
    n, which = len(numbers), which.reshape(-1)
    compact = np.zeros(labels.shape, np.uint32)
    compact.ravel()[where] = which + 1
    depth = edt.edt(compact, anisotropy=size, black_border=False).ravel()[where]
    # an object that fills all of it has no edge
    depth = np.where(np.isfinite(depth), depth, max(labels.shape))
    deepest = np.zeros(n)
    np.maximum.at(deepest, which, depth)
    sums = np.zeros((4 + labels.ndim, n))
    for part in _pieces(len(where)):
        inside = which[part]
        for i, values in enumerate(
            _values(where[part], depth[part] / deepest[inside], outputs, spec)
        ):
            sums[i] += np.bincount(inside, values, n)
    pixels, *means = sums
    foreground, boundary, distance, *centres = (each / pixels for each in means)
    radius = (pixels * prod(size) / _ball(labels.ndim)) ** (1 / labels.ndim)
    signs = (foreground, boundary, distance, np.log(pixels), deepest / radius)
    return ObjectSigns(
        numbers.astype(np.int64), pixels.astype(np.int64), np.stack(centres, 1), np.stack(signs, 1)
    )


def doubts(signs: Sequence[ObjectSigns]) -> tuple[Values, list[str]]:
    """Return how much each object is to be doubted, from 0 to 1, and why.

    Parameters
    ----------
    signs
        Of all planes or volumes of an image.

    Returns
    -------
    doubt : ndarray
        Of all objects, one plane or volume after the other: the chance of an IoU below 0.5, for nuclei.
        For other objects it is no more than an order.
    why : list of str
        The sign that speaks most against each object, in words.
    """
    values = standard_signs(signs)
    against = np.where(np.isnan(values), 0, (values - TYPICAL) * WEIGHTS)
    doubt = 1 / (1 + np.exp(-INTERCEPT - against.sum(axis=1)))
    logs = np.concatenate([each.values[:, 3] for each in signs])
    small = logs < np.median(logs) if len(logs) else logs
    why = []
    for i, sign in enumerate(against.argmax(axis=1)):
        size = SMALL if small[i] else LARGE
        why.append(size if SIGNS[sign] == "size" else REASONS[sign])
    return doubt, why


def standard_signs(signs: Sequence[ObjectSigns]) -> Values:
    """Return the signs of all objects, (n, 5), with the size as its distance from the median."""
    values = np.concatenate([each.values for each in signs])
    if len(values):
        values[:, 3] = np.abs(values[:, 3] - np.median(values[:, 3]))
    return values


def _values(
    where: NDArray[np.intp], depth: Values, outputs: NDArray[np.uint8], spec: ModelSpec
) -> Iterator[NDArray[Any]]:
    """Yield what is summed over the pixels of each object."""
    yield np.ones(len(where))
    here = outputs.reshape(len(outputs), -1)[:, where]
    questions = question_uncertainty(here, spec)
    if spec.task == "objects":
        yield from questions
        yield np.abs(depth - here[2] / np.float32(UINT8_SCALE))
    else:
        yield questions.mean(axis=0)
        # there are no such outputs
        yield from (np.full(len(where), np.nan),) * 2
    yield from np.unravel_index(where, outputs.shape[1:])


def _pieces(n: int) -> Iterator[slice]:
    for start in range(0, n, PIECE):
        yield slice(start, start + PIECE)


def _ball(dimensions: int) -> float:
    """Volume of the ball with radius 1."""
    return float(pi ** (dimensions / 2) / gamma(dimensions / 2 + 1))
