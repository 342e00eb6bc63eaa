"""The outputs of a network for an image, kept so that more can be derived without running it again."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.host_memory import free_memory
from napari_unet.core.inference.outputs import Outputs
from napari_unet.core.memory_units import format_bytes
from napari_unet.core.progress import Progress
from napari_unet.services.segmentation.prepare import input_frames, prepare
from napari_unet.services.segmentation.writers import Uint8Writer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Box, Image
    from napari_unet.core.image.frames import Frame
    from napari_unet.core.model.spec import Model, ModelSpec
    from napari_unet.core.progress import Job
    from napari_unet.services.segmentation.options import SegmentOptions


@dataclass(frozen=True, eq=False)
class CachedOutputs:
    r"""The outputs of a model for an image, a byte a value.

    Attributes
    ----------
    image
        The image.
    spec
        The model's description.
    probabilities
        uint8, (out_channels, \*shape of the labels), 255 standing for 1.
    """

    image: Image
    spec: ModelSpec
    probabilities: Any

    @classmethod
    def empty(cls, image: Image, spec: ModelSpec) -> CachedOutputs:
        """Return a cache that is still to be filled: all values are 0."""
        shape = (spec.config.out_channels, *image.label_shape)
        return cls(image, spec, np.zeros(shape, np.uint8))

    def read(self, frame: Frame, box: Box | None = None) -> NDArray[np.uint8]:
        r"""Read a window of a frame.

        Parameters
        ----------
        frame
            A plane or volume of the image.
        box
            A slice for each spatial axis; None: the whole frame.

        Returns
        -------
        ndarray of uint8
            (out_channels, \*window), in the order of the frame's spatial axes.
        """
        key, order = frame.label_index(box or tuple(slice(0, n) for n in frame.shape))
        values: NDArray[np.uint8] = np.asarray(self.probabilities[(slice(None), *key)])
        return values.transpose(0, *(int(n) + 1 for n in np.argsort(order)))


def check_memory(image: Image, spec: ModelSpec) -> None:
    """Raise a `UserError` where the outputs of a model would not fit into memory."""
    needed = spec.config.out_channels * prod(image.label_shape)
    free = free_memory()
    if needed > free // 2:
        raise UserError(
            f"The network's outputs for {image.name!r} don't fit into memory",
            value=f"{format_bytes(needed)}, with {format_bytes(free)} free",
            rule="They are kept for all planes, a byte a value, in up to half of the free memory.",
            remedy="Open a part of the image, such as some of its planes.",
        )


def cache_outputs(image: Image, model: Model, options: SegmentOptions) -> Job[CachedOutputs]:
    """Run a model over an image and keep its outputs.

    Parameters
    ----------
    image, model, options
        As for `segment`.

    Yields
    ------
    Progress
        As there.

    Raises
    ------
    UserError
        As there, and at once when the outputs would not fit into memory.
    """
    input_frames(image, model.spec, options)
    check_memory(image, model.spec)
    return _fill(CachedOutputs.empty(image, model.spec), model, options)


def _fill(cached: CachedOutputs, model: Model, options: SegmentOptions) -> Job[CachedOutputs]:
    writer = Uint8Writer(cached.probabilities)
    run = yield from prepare(cached.image, model, options).sized()
    for step in run.outputs():
        if isinstance(step, Outputs):
            yield from writer.write(step)
        yield Progress(step.done, step.total, step.note)
    return cached
