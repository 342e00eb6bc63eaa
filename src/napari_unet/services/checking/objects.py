"""Faults in the numbering of objects: parts apart, slivers, and labels that are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import cc3d
import numpy as np

from napari_unet.services.checking.finding import Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from napari_unet.services.checking.finding import Fault

SLIVER, SLIVER_PART = 10, 0.2
"""A sliver has at most so many pixels, and at most this part of a typical object or of its own."""
APART = 0.25
"""A second part counts from this part of a typical object on; smaller ones are ragged edges."""
MOSTLY_OBJECTS = 0.05
"""With more objects than this part of the pixels, these are intensities rather than numbers."""
SHOWN = 5
"""So many places of a kind are listed for an image."""


class Numbered(NamedTuple):
    """A fault at a place."""

    fault: Fault
    message: str
    place: Place | None


def faults_of(labels: NDArray[Any], index: Mapping[str, int]) -> list[Numbered]:
    """Find what is wrong with the numbers of a plane or volume.

    Parameters
    ----------
    labels
        (Y, X) or (Z, Y, X) whole numbers; 0 is background.
    index
        Position of the plane or volume along the other axes.
    """
    native = np.ascontiguousarray(labels.astype(np.uint32, copy=False))
    parts, n = cc3d.connected_components(
        native, connectivity=26 if labels.ndim == 3 else 8, return_N=True
    )
    if n > MOSTLY_OBJECTS * labels.size:
        message = f"{n:,} objects on {labels.size:,} pixels: this is an image, not labels"
        return [Numbered("image as labels", message, None)]
    statistics = cc3d.statistics(parts, no_slice_conversion=False)
    sizes, boxes = np.asarray(statistics["voxel_counts"]).astype(int), statistics["bounding_boxes"]
    owner = np.zeros(n + 1, dtype=np.int64)
    owner[parts.ravel()] = labels.ravel()
    found = _Parts(owner, sizes, boxes, labels.shape, index)
    return [*found.inverted(), *found.slivers(), *found.apart()]


class _Parts:
    """The connected parts of a label image."""

    def __init__(
        self,
        owner: NDArray[np.int64],
        sizes: NDArray[np.int64],
        boxes: Any,
        shape: tuple[int, ...],
        index: Mapping[str, int],
    ) -> None:
        self._owner, self._sizes, self._boxes = owner, sizes, boxes
        self._shape, self._index = shape, index
        self._of_label = {
            int(value): np.flatnonzero(owner == value).tolist()
            for value, times in zip(*np.unique(owner[1:], return_counts=True), strict=True)
            if times > 1
        }
        totals = np.bincount(np.unique(owner, return_inverse=True)[1], weights=sizes)[1:]
        self._typical = float(np.median(totals)) if len(totals) else 0.0

    def inverted(self) -> Iterator[Numbered]:
        for part in range(1, len(self._sizes)):
            rows, columns = self._boxes[part][-2:]
            touches = (rows.start, columns.start) == (0, 0)
            touches &= (rows.stop, columns.stop) == self._shape[-2:]
            if touches and self._sizes[part] > 0.5 * np.prod(self._shape) and len(self._sizes) > 2:
                message = f"label {self._owner[part]} surrounds the others: it is the background"
                yield Numbered("inverted", message, self._place(part))

    def slivers(self) -> list[Numbered]:
        found = []
        for part in range(1, len(self._sizes)):
            if self._is_sliver(part):
                label, n = int(self._owner[part]), int(self._sizes[part])
                message = f"a sliver of {n} pixel{'s' * (n != 1)} has label {label}"
                found.append(Numbered("sliver", message, self._place(part)))
        return _few(found, "slivers")

    def apart(self) -> list[Numbered]:
        found = []
        for label, parts in self._of_label.items():
            large = [p for p in parts if not self._is_sliver(p)]
            large = [p for p in large if self._sizes[p] >= APART * self._typical]
            if len(large) > 1:
                second = sorted(large, key=lambda p: self._sizes[p])[-2]
                message = f"number {label} is in {len(large)} places that don't touch"
                found.append(Numbered("two places", message, self._place(second)))
        return _few(found, "numbers in several places")

    def _is_sliver(self, part: int) -> bool:
        others = self._of_label.get(int(self._owner[part]))
        own = self._sizes[others].max() if others is not None else 0
        limit = min(SLIVER, SLIVER_PART * max(self._typical, float(own)))
        return bool(self._sizes[part] <= limit)

    def _place(self, part: int) -> Place:
        *depth, rows, columns = self._boxes[part]
        index = dict(self._index)
        if depth:
            index["Z"] = (depth[0].start + depth[0].stop - 1) // 2
        return Place((rows.start, rows.stop), (columns.start, columns.stop), index)


def _few(found: list[Numbered], noun: str) -> list[Numbered]:
    """Keep the first findings; the last of them says how many more there are."""
    if len(found) <= SHOWN:
        return found
    last = found[SHOWN - 1]
    message = f"{last.message}; {len(found) - SHOWN} more {noun}"
    return [*found[: SHOWN - 1], last._replace(message=message)]
