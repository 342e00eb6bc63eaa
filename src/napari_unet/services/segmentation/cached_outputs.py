"""What a network said about an image, kept so that more can be found in it without the network."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from napari_unet.core.errors import UserError
from napari_unet.core.memory_units import format_bytes
from napari_unet.services.segmentation.segment import segment

if TYPE_CHECKING:
    from napari_unet.core.image.axes import Image
    from napari_unet.core.model.spec import Model, ModelSpec
    from napari_unet.core.progress import Job
    from napari_unet.services.segmentation.options import SegmentOptions


@dataclass(frozen=True, eq=False)
class CachedOutputs:
    r"""What a model said about an image.

    Attributes
    ----------
    image
        The image.
    spec
        The model's description.
    levels
        uint8, (out_channels, \*shape of the labels): its outputs, a byte a value, 255 standing for 1.
    """

    image: Image
    spec: ModelSpec
    levels: Any


def make_cache(image: Image, spec: ModelSpec) -> Any:
    """Return room for the outputs of a model, all 0."""
    return np.zeros((spec.config.out_channels, *image.label_shape), np.uint8)


def check_room(image: Image, spec: ModelSpec) -> None:
    """Raise a `UserError` where the outputs of a model would not fit the memory."""
    needed = spec.config.out_channels * prod(image.label_shape)
    free = psutil.virtual_memory().available
    if needed > free // 2:
        raise UserError(
            f"What the network says of {image.name!r} is too much to be kept",
            value=f"{format_bytes(needed)}, with {format_bytes(free)} free",
            rule="It is kept for all planes, a byte a value, in up to half of the free memory.",
            remedy="Open a part of the image, such as some of its planes.",
        )


def cache_outputs(image: Image, model: Model, options: SegmentOptions) -> Job[CachedOutputs]:
    """Have a model look at an image, and keep what it says.

    Parameters
    ----------
    image, model, options
        As for `segment`; objects are not numbered.

    Yields
    ------
    Progress
        As there.

    Raises
    ------
    UserError
        As there, and when what it says would not fit the memory.
    """
    check_room(image, model.spec)
    levels = make_cache(image, model.spec)
    plain = {"objects": False, "probabilities": False, "uncertainty": False}
    yield from segment(image, model, options.model_copy(update=plain), out_uint8=levels)
    return CachedOutputs(image, model.spec, levels)
