"""What tells one training from another: the model, the options and the images; and the paint."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.model.file import weights_hash

if TYPE_CHECKING:
    from napari_unet.core.annotations.bitmask import BitMask
    from napari_unet.core.image.axes import Image
    from napari_unet.core.model.spec import Model
    from napari_unet.core.sampling.dataset import TrainingSet
    from napari_unet.core.training.options import TrainingOptions

NEUTRAL = {"save_every", "memory"}
"""Options that change nothing about what is learnt."""
SAMPLE = 256
"""Side of the part of an image by which it is known again, in pixels."""


def training_key(model: Model, options: TrainingOptions, training_set: TrainingSet) -> str:
    """Return a text that is the same only for the same model, options, images and kinds of paint."""
    digest = hashlib.sha256(weights_hash(model.network.state_dict()).encode())
    digest.update(options.model_dump_json(exclude=NEUTRAL).encode())
    for truth in training_set.held.truths:
        image = truth.annotation.image
        known = [image.name, image.axes, image.data.shape, truth.annotation.kind]
        digest.update(json.dumps(known).encode())
        digest.update(_sample(image))
    return digest.hexdigest()[:24]


def _sample(image: Image) -> bytes:
    """Return the middle of an image, which may be too large to be read as a whole."""
    sizes = image.sizes
    middle = {a: max(0, (sizes[a] - SAMPLE) // 2) for a in "YX"}
    key = tuple(
        slice(middle[a], middle[a] + SAMPLE) if a in middle else n // 2 for a, n in sizes.items()
    )
    return np.ascontiguousarray(image.data[key]).tobytes()


def paint_key(training_set: TrainingSet) -> str:
    """Return a text that is the same only for the same paint.

    It counts by where it applies and how much there is of each class. What is held out does not: it is
    part of a training's state.
    """
    digest = hashlib.sha256()
    for truth in training_set.held.truths:
        known = [sorted(truth.pixels.items()), truth.strokes.sizes.tolist()]
        digest.update(json.dumps(known).encode())
        for place, mask in sorted(truth.applies.items()):
            digest.update(repr(place).encode())
            digest.update(_content(mask))
    return digest.hexdigest()[:24]


def _content(mask: BitMask) -> bytes:
    place = (mask.rows.start, mask.rows.stop, mask.columns.start, mask.columns.stop)
    return repr(place).encode() + (b"" if mask.bits is None else mask.bits.tobytes())
