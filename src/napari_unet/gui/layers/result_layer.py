"""A labels layer while it is being filled, and whether it still holds what was written."""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.gui.layers.placement import Placement, looked_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    import napari
    from napari.layers import Labels, Layer
    from numpy.typing import NDArray


RECORD = "napari_unet"
"""Key of a layer's metadata: the record of how it was made."""

CHECKED_BYTES = 1 << 27
"""Size of the largest layer that is compared with what was written; larger ones are never reused."""

REFRESH_S = 0.2
"""Shortest time between two refreshes of a layer."""


class ResultLayer:
    """A labels layer while it is being filled.

    Parameters
    ----------
    viewer, layer
        The layer and its viewer.
    placed
        How it is placed over the image.
    before
        Its earlier content, if it is reused.
    """

    def __init__(
        self,
        viewer: napari.Viewer,
        layer: Labels,
        placed: Placement,
        before: Content | None = None,
    ) -> None:
        self.layer = layer
        self.empty = True
        # a stroke would be overwritten by the next tile
        layer.editable = False
        self._viewer = viewer
        self._before = before
        self._placed = placed
        self._labels = layer.data[placed.inside]
        self._written: list[tuple[slice | int, ...]] = []
        self._next = 0.0

    def write(self, where: tuple[slice | int, ...], block: NDArray[Any]) -> None:
        """Write a finished block, given its index in the labels of the whole image."""
        here = self._placed.local(where)
        self._labels[here] = block
        self._written.append(here)
        self.empty = False
        self._before = None

    def show(self) -> None:
        """Show what was written, a few times a second and with little of the time."""
        if time.perf_counter() >= self._next:
            self.show_now()

    def show_now(self) -> None:
        """Show what was written, if it is in view."""
        start = time.perf_counter()
        if not self._written:
            return
        planes = self._placed.label_axes(looked_at(self._viewer, self.layer))
        if any(_meets(where, planes) for where in self._written):
            self.layer.refresh(thumbnail=False, highlight=False, extent=False)
        self._written.clear()
        now = time.perf_counter()
        self._next = now + max(REFRESH_S, 5 * (now - start))

    def finish(self, record: Mapping[str, Any]) -> None:
        """Show all of it, add the record of how it was made, and let it be painted on."""
        self.layer.refresh(highlight=False, extent=False)
        checksum = _checksum(self.layer.data) if self._own else None
        identity = {"layer": str(self.layer.unique_id), "checksum": checksum}
        whole = {**self.layer.metadata.get(RECORD, {}), **record, **identity}
        self.layer.metadata = {**self.layer.metadata, RECORD: whole}
        # last, as whoever waits for it asks for the record
        self.layer.editable = True

    @property
    def untouched(self) -> bool:
        """Whether the layer holds what was written, as far as that is quick to find out."""
        return untouched(self.layer)

    @property
    def numbers(self) -> NDArray[Any]:
        """The labels, with the label axes of the image."""
        labels: NDArray[Any] = self._labels
        return labels

    def planes(self, looked_at: Mapping[int, int]) -> tuple[int | None, ...]:
        """Turn positions by dimension of the layer into positions by label axis, None where free."""
        return self._placed.label_axes(looked_at)

    @property
    def _own(self) -> bool:
        """Whether the layer still has the array that is filled; else it was replaced."""
        data = self.layer.data
        return isinstance(data, np.ndarray) and np.may_share_memory(data, self._labels)

    def restore(self) -> bool:
        """Restore the result of an earlier run, if there was one and nothing is written yet."""
        if self._before is None or not self._own:
            return False
        self._before.put_into(self.layer)
        self.layer.editable = True
        return True

    def withdraw(self) -> None:
        """Undo the making of the layer, nothing having been written."""
        if not self._own:
            self.layer.editable = True
        elif not self.restore() and self.layer in self._viewer.layers:
            self._viewer.layers.remove(self.layer)


class Nowhere:
    """Stands in for the array of labels, as each block goes to the layer when it is done."""

    def __setitem__(self, where: Any, block: Any) -> None: ...


@dataclass(frozen=True)
class Content:
    """The content of a layer."""

    data: Any
    translate: Any
    metadata: dict[str, Any]

    @classmethod
    def of(cls, layer: Layer) -> Content:
        """Return the current content of a layer."""
        # the dictionary of a layer stays the same, with other entries
        return cls(layer.data, layer.translate, dict(layer.metadata))

    def put_into(self, layer: Layer) -> None:
        """Give a layer this content."""
        layer.data, layer.metadata = self.data, self.metadata
        # setting it has napari slice and draw the layer, and compute the extent of all layers
        if not np.array_equal(layer.translate, self.translate):
            layer.translate = self.translate


def untouched(layer: Labels) -> bool:
    """Whether a layer holds what a finished run wrote, as far as that is quick to find out."""
    record = layer.metadata.get(RECORD)
    # others may keep something else under our key
    written = record.get("checksum") if isinstance(record, dict) else None
    return written is not None and written == _checksum(layer.data)


def _meets(where: tuple[slice | int, ...], planes: tuple[int | None, ...]) -> bool:
    """Whether a block is on the planes that are shown; None stands for all."""
    return all(
        plane is None or (w.start <= plane < w.stop if isinstance(w, slice) else w == plane)
        for w, plane in zip(where, planes, strict=True)
    )


def _checksum(data: Any) -> int | None:
    """Return a checksum of an array; None if it would take too long."""
    if not isinstance(data, np.ndarray) or data.nbytes > CHECKED_BYTES:
        return None
    return zlib.crc32(np.ascontiguousarray(data).data)
