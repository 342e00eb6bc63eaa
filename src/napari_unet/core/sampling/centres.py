"""Where training patches may be centred: labelled pixels, remembered in little memory."""

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

REMEMBERED = 1 << 18
"""Most pixels of a class that are remembered, over all planes."""
EACH_PLANE = (16, 4096)
"""Fewest and most of them in a plane that has as many."""
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
        (n, 2) positions Y, X: all, or a random choice of them.
    share
        Probability that a plane, or one before it, is drawn: it goes with the root of the number of
        the pixels there, so that a few strokes are not lost beside a plane that is labelled densely.
    total
        Number of pixels of the class.
    """

    planes: tuple[tuple[int, PlaneKey], ...]
    pixels: tuple[NDArray[np.int32], ...]
    share: NDArray[np.float64]
    total: int

    def draw(self, rng: np.random.Generator) -> tuple[int, PlaneKey, NDArray[np.int32]]:
        """Draw a pixel: number of its annotation, its plane, its place there."""
        i = pick(self.share, rng)
        pixels = self.pixels[i]
        return (*self.planes[i], pixels[rng.integers(len(pixels))])


class _Here(NamedTuple):
    """The pixels of a class in a plane: some of them, and how many there are."""

    plane: tuple[int, PlaneKey]
    pixels: NDArray[np.int32]
    total: int


def find_centres(truths: Sequence[Truth], seed: int) -> Job[tuple[Centres, ...]]:
    """Find the pixels of each class that are labelled for training.

    Parameters
    ----------
    truths
        The annotations; what is held out of them is left alone.
    seed
        Of the choice among too many pixels.

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
    most = int(np.clip(REMEMBERED // max(len(planes), 1), *EACH_PLANE))
    found: dict[int, list[_Here]] = defaultdict(list)
    for done, plane in enumerate(planes, 1):
        rng = np.random.default_rng((seed, done, STREAM))
        for c, here in _labelled(truths[plane[0]], plane, most, rng):
            found[c].append(here)
        yield Progress(done, len(planes), "Finding labelled pixels")
    return tuple(
        Centres(
            tuple(here.plane for here in found[c]),
            tuple(here.pixels for here in found[c]),
            cumulative(np.sqrt([here.total for here in found[c]])),
            sum(here.total for here in found[c]),
        )
        for c in sorted(found)
    )


def _labelled(
    truth: Truth, plane: tuple[int, PlaneKey], most: int, rng: np.random.Generator
) -> list[tuple[int, _Here]]:
    """Return the training pixels of each class in a plane."""
    mask = truth.applies[plane[1]]
    if not mask:
        return []
    labels = truth.training(truth.annotation.plane(plane[1]), mask.box)
    if truth.objects:
        np.minimum(labels, 1, out=labels)
    found = []
    for c in range(int(labels.max()) + 1):
        places = np.flatnonzero(labels == c)
        total = len(places)
        if total > most:
            places = np.unique(places[rng.integers(total, size=most)])
        if total:
            y, x = np.unravel_index(places, labels.shape)
            pixels = np.stack([y + mask.rows.start, x + mask.columns.start], axis=1)
            found.append((c, _Here(plane, pixels.astype(np.int32), total)))
    return found


def cumulative(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn weights into the probabilities that an entry, or one before it, is drawn."""
    shares: NDArray[np.float64] = np.cumsum(weights) / np.sum(weights)
    return shares


def pick(share: NDArray[np.float64], rng: np.random.Generator) -> int:
    """Draw an entry by such probabilities."""
    # rounding may leave the last share a hair below 1
    return min(int(np.searchsorted(share, rng.random(), side="right")), len(share) - 1)
