"""The objects of one frame, as far as linking needs to know them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class FrameObjects:
    """The objects of one frame.

    Attributes
    ----------
    labels
        (n,) their numbers, ascending.
    centres
        (n, d) mean of their pixels along each spatial axis, in pixels.
    sizes
        (n,) their pixels.
    """

    labels: NDArray[np.int64]
    centres: NDArray[np.float64]
    sizes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def diameters(self, spacing: Sequence[float]) -> NDArray[np.float64]:
        """Return the diameters of circles or balls of the same size, in the unit of `spacing`."""
        volumes = self.sizes * float(np.prod(spacing))
        if len(spacing) == 3:
            return np.asarray(np.cbrt(6 / np.pi * volumes))
        return np.asarray(np.sqrt(4 / np.pi * volumes))


def frame_objects(labels: NDArray[Any]) -> FrameObjects:
    """Find the objects of a plane or volume.

    Parameters
    ----------
    labels
        Whole numbers: 0 for background, each other number one object.
    """
    flat = np.ascontiguousarray(labels).reshape(-1, labels.shape[-1])
    first = np.ones(flat.shape, bool)
    first[:, 1:] = flat[:, 1:] != flat[:, :-1]
    # runs along the rows are far fewer than pixels
    starts = np.flatnonzero(first)
    length = np.diff(starts, append=flat.size)
    numbers = flat.ravel()[starts].astype(np.int64)
    inside = numbers > 0
    starts, length = starts[inside], length[inside]
    found, which = np.unique(numbers[inside], return_inverse=True)
    sizes = np.bincount(which, length, len(found))
    places = np.array(np.unravel_index(starts, labels.shape), float)
    places[-1] += (length - 1) / 2
    sums = [np.bincount(which, along * length, len(found)) for along in places]
    centres = np.stack(sums, axis=1) / sizes[:, None]
    return FrameObjects(found, centres, sizes.astype(np.int64))
