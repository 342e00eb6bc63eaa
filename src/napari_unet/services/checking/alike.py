"""Faults that show when images are compared: duplicates, exchanged labels, another scale."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_unet.services.checking.agreement import LEAST, MARGIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_unet.services.checking.agreement import Look

SAME = 0.999
"""Correlation of two images from which on they are the same one."""
SCALE, SPREAD, MIN_IMAGES = 2.5, 5.0, 5
"""Objects are of another scale if their diameter differs by this factor from the typical one, and by so
many times what is usual between the images; it takes so many images to know that."""


class Seen(NamedTuple):
    """A plane of an image that is compared with those of others."""

    pair: int
    shape: tuple[int, ...]
    look: Look


def duplicates(seen: Sequence[Seen]) -> Iterator[tuple[int, int]]:
    """Return the images that occur a second time: the later one and the earlier."""
    named: set[tuple[int, int]] = set()
    for group in _comparable(seen):
        images = _stacked([one.look.image for one in group])
        for i, j in zip(*np.nonzero(np.tril(images @ images.T, -1) > SAME), strict=True):
            both = (group[i].pair, group[j].pair)
            if both[0] != both[1] and both not in named:
                named.add(both)
                yield both


def exchanged(seen: Sequence[Seen]) -> dict[int, int]:
    """Return the images whose labels lie well on another image, whose own labels do not.

    Returns
    -------
    dict
        For an image, the one whose labels belong to it.
    """
    partners: dict[int, int] = {}
    for group in _comparable(seen):
        images = _stacked([one.look.image for one in group])
        masks = _stacked([one.look.mask for one in group])
        cross = np.abs(images @ masks.T)
        own = np.diag(cross)
        best = cross.argmax(axis=1)
        for i, j in enumerate(best):
            good = cross[i, j] > max(2 * LEAST, own[i] + 2 * MARGIN, own[j] + 2 * MARGIN)
            if good and group[i].pair != group[j].pair:
                partners.setdefault(group[i].pair, group[j].pair)
    return partners


def odd_scales(diameters: dict[int, float]) -> dict[int, float]:
    """Return the images whose objects have another size, and by which factor.

    Parameters
    ----------
    diameters
        Typical diameter of the objects of each image.
    """
    if len(diameters) < MIN_IMAGES:
        return {}
    sizes = np.log(list(diameters.values()))
    difference = sizes - np.median(sizes)
    limit = max(np.log(SCALE), SPREAD * float(np.median(np.abs(difference))))
    odd = zip(diameters, difference, strict=True)
    return {pair: float(np.exp(d)) for pair, d in odd if abs(d) > limit}


def _comparable(seen: Sequence[Seen]) -> list[list[Seen]]:
    groups: dict[tuple[int, ...], list[Seen]] = defaultdict(list)
    for one in seen:
        groups[one.shape].append(one)
    return [group for group in groups.values() if len(group) > 1]


def _stacked(planes: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.stack([plane.ravel() for plane in planes])
