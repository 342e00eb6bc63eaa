"""Numbers the objects of an image: the network's outputs are collected until a frame is complete.

So no object is cut where tiles meet, and numbers do not depend on tiles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_unet.core.inference.assemble import FrameAssembler
from napari_unet.core.inference.outputs import to_labels, to_uint8
from napari_unet.core.objects.find import connected_objects, find_objects, number_above

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Box
    from napari_unet.core.image.frames import Frame
    from napari_unet.core.inference.outputs import Outputs
    from napari_unet.core.model.object_options import ObjectOptions
    from napari_unet.core.model.spec import ModelSpec


def object_spacing(frame: Frame) -> tuple[float, ...]:
    """Return the pixel size for the sizes of objects; empty if it is not known."""
    return frame.image.spacing(frame.spatial) if frame.image.unit != "pixel" else ()


def object_outputs(
    values: NDArray[Any], spec: ModelSpec, options: ObjectOptions
) -> NDArray[np.uint8]:
    """Return what `number` finds the objects of a frame in.

    Parameters
    ----------
    values
        The network's outputs for the frame, or a part of it: (out_channels, …), from 0 to 1 or uint8.
    spec
        The model's specification. If its task is not objects, the connected parts of each class are.
    options
        How to find objects.
    """
    quantized = to_uint8(values)
    if spec.task == "objects":
        return quantized
    return to_labels(quantized, spec, options.foreground)[None]


def number(
    kept: NDArray[np.uint8], spec: ModelSpec, options: ObjectOptions, spacing: Sequence[float]
) -> NDArray[np.uint32]:
    """Number the objects of a whole frame, from 1, given its `object_outputs`."""
    if spec.task == "objects":
        return find_objects(kept, options, spacing)
    return connected_objects(kept[0], options, spacing)


class Numbering:
    """Collects outputs until frames are complete, and numbers their objects.

    Objects of later frames have larger numbers, so that each number is one object of the whole image.

    Parameters
    ----------
    frames
        The frames, in order.
    box
        The window of each frame that is computed; None: all of it.
    spec, options
        As for `object_outputs`.
    """

    def __init__(
        self, frames: Sequence[Frame], box: Box | None, spec: ModelSpec, options: ObjectOptions
    ) -> None:
        self._frames = frames
        self._box = box or tuple(slice(0, n) for n in frames[0].shape)
        self._spec = spec
        self._options = options
        self._assembler = FrameAssembler(frames, self._box)
        self._next = 0
        self._highest = 0

    def add(self, maps: Outputs) -> Iterator[tuple[Frame, Box, NDArray[np.uint32]]]:
        """Add outputs.

        Yields
        ------
        tuple
            For each frame that is now complete: the frame, the window, and its objects.
        """
        kept = object_outputs(maps.values, self._spec, self._options)
        self._assembler.add(maps.frame, maps.write, kept)
        while self._assembler.is_complete(self._next):
            yield self._frames[self._next], self._box, self._number(self._assembler.pop(self._next))
            self._next += 1

    def _number(self, kept: NDArray[np.uint8]) -> NDArray[np.uint32]:
        labels = number(kept, self._spec, self._options, object_spacing(self._frames[0]))
        self._highest = number_above(labels, self._highest)
        return labels
