"""Where training patches may be centred: labelled pixels, sampled so that they need little memory."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_unet.core.progress import Job, Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.core.annotations.annotation import PlaneKey, Truth

MAX_PIXELS = 1 << 18
"""So many pixels of a class are kept, over all planes."""
PIXELS_PER_PLANE = (16, 4096)
"""Fewest and most of them in a plane, if it has as many."""
STREAM = 1
"""Keeps these random numbers apart from those of the augmentation, drawn for the same sample."""


@dataclass(frozen=True, eq=False)
class Centres:
    """Labelled pixels of one class, by planes.

    Attributes
    ----------
    planes
        Number of the annotation, and plane, of each entry of `pixels`.
    pixels
        (n, 2) positions Y, X in each of them: all, or a random choice.
    share
        Cumulative probabilities of the planes, each in proportion to the square root of its number of
        pixels, so that a few strokes are not lost beside a densely labelled plane.
    total
        Number of pixels of the class.
    """

    planes: tuple[tuple[int, PlaneKey], ...]
    pixels: tuple[NDArray[np.int32], ...]
    share: NDArray[np.float64]
    total: int

    def draw(self, rng: np.random.Generator) -> tuple[int, PlaneKey, NDArray[np.int32]]:
        """Draw a pixel: the number of its annotation, its plane, and its position there."""
        i = pick(self.share, rng)
        pixels = self.pixels[i]
        return (*self.planes[i], pixels[rng.integers(len(pixels))])


class _PlaneCentres(NamedTuple):
    """The pixels of a class in a plane: some of them, and how many there are."""

    plane: tuple[int, PlaneKey]
    pixels: NDArray[np.int32]
    total: int


def find_centres(truths: Sequence[Truth], seed: int) -> Job[tuple[Centres, ...]]:
    """Find the pixels of each class that are labelled for training.

    Parameters
    ----------
    truths
        The annotations; what is held out of them is left out.
    seed
        Seed of the choice among too many pixels.

    Yields
    ------
    Progress
        After each plane.

    Returns
    -------
    tuple of Centres
        One for each class that has any.
    """
    planes = [(i, key) for i, truth in enumerate(truths) for key in truth.applies]
    most = int(np.clip(MAX_PIXELS // max(len(planes), 1), *PIXELS_PER_PLANE))
    of_class: dict[int, list[_PlaneCentres]] = defaultdict(list)
    for done, plane in enumerate(planes, 1):
        rng = np.random.default_rng((seed, done, STREAM))
        for c, centres in _plane_centres(truths[plane[0]], plane, most, rng):
            of_class[c].append(centres)
        yield Progress(done, len(planes), "Finding labelled pixels")
    return tuple(
        Centres(
            tuple(each.plane for each in of_class[c]),
            tuple(each.pixels for each in of_class[c]),
            cumulative(np.sqrt([each.total for each in of_class[c]])),
            sum(each.total for each in of_class[c]),
        )
        for c in sorted(of_class)
    )


def _plane_centres(
    truth: Truth, plane: tuple[int, PlaneKey], most: int, rng: np.random.Generator
) -> list[tuple[int, _PlaneCentres]]:
    """Return the training pixels of each class in a plane."""
    mask = truth.applies[plane[1]]
    if not mask:
        return []
    labels = truth.training(truth.annotation.plane(plane[1]), mask.box)
    if truth.objects:
        np.minimum(labels, 1, out=labels)
    centres = []
    for c in range(int(labels.max()) + 1):
        places = np.flatnonzero(labels == c)
        total = len(places)
        if total > most:
            places = np.unique(places[rng.integers(total, size=most)])
        if total:
            y, x = np.unravel_index(places, labels.shape)
            pixels = np.stack([y + mask.rows.start, x + mask.columns.start], axis=1)
            centres.append((c, _PlaneCentres(plane, pixels.astype(np.int32), total)))
    return centres


def cumulative(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn weights into cumulative probabilities, as `pick` takes them."""
    share: NDArray[np.float64] = np.cumsum(weights) / np.sum(weights)
    return share


def pick(share: NDArray[np.float64], rng: np.random.Generator) -> int:
    """Draw the number of an entry by cumulative probabilities."""
    # rounding may leave the last one slightly below 1
    return min(int(np.searchsorted(share, rng.random(), side="right")), len(share) - 1)
