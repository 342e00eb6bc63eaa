"""Objects of an image: the network's outputs are collected frame by frame, and numbered when whole.

So no object is cut where tiles meet, and numbers do not depend on tiles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_unet.core.gather import Gather
from napari_unet.core.labels import to_labels
from napari_unet.core.objects import connected_objects, find_objects, number_above, to_levels

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_unet.core.axes import Box, Frame
    from napari_unet.core.maps import Maps
    from napari_unet.core.model import ModelSpec
    from napari_unet.core.object_options import ObjectOptions


def object_spacing(frame: Frame) -> tuple[float, ...]:
    """Return the pixel size by which objects are measured; empty where it is not known."""
    return frame.image.spacing(frame.spatial) if frame.image.unit != "pixel" else ()


class Numbering:
    """Collects outputs until frames are whole, and numbers their objects.

    Objects of later frames have larger numbers, so that each number is one object of the whole image.

    Parameters
    ----------
    frames
        The frames in their order.
    box
        The window of each that is computed; None: all of it.
    spec
        The model's description. Of one that does not tell objects apart, objects are the connected parts
        of each class.
    options
        How objects are found.
    """

    def __init__(
        self, frames: Sequence[Frame], box: Box | None, spec: ModelSpec, options: ObjectOptions
    ) -> None:
        self._frames = frames
        self._box = box or tuple(slice(0, n) for n in frames[0].shape)
        self._spec = spec
        self._options = options
        self._gather = Gather(frames, self._box)
        self._next = 0
        self._top = 0

    def add(self, maps: Maps) -> Iterator[tuple[Frame, Box, NDArray[np.uint32]]]:
        """Take outputs in.

        Yields
        ------
        tuple
            For each frame that is whole now: the frame, the window, and its objects.
        """
        self._gather.add(maps.frame, maps.write, self._kept(maps.values))
        while self._gather.whole(self._next):
            yield self._frames[self._next], self._box, self._number(self._gather.take(self._next))
            self._next += 1

    def _kept(self, values: NDArray[np.float32]) -> NDArray[Any]:
        if self._spec.task == "objects":
            return to_levels(values)
        return to_labels(values, self._spec, self._options.foreground)[None]

    def _number(self, kept: NDArray[Any]) -> NDArray[np.uint32]:
        spacing = object_spacing(self._frames[0])
        if self._spec.task == "objects":
            found = find_objects(kept, self._options, spacing)
        else:
            found = connected_objects(kept[0], self._options, spacing)
        self._top = number_above(found, self._top)
        return found
