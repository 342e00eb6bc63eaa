"""Keys that identify a training: by model, options and images, and by its annotations."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.model.file import weights_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.core.annotations.annotation import Annotation
    from napari_unet.core.annotations.bitmask import BitMask
    from napari_unet.core.image.axes import Image
    from napari_unet.core.model.spec import Model
    from napari_unet.core.sampling.dataset import TrainingSet
    from napari_unet.core.training.options import TrainingOptions

IRRELEVANT_OPTIONS = {"save_every", "memory", "diameter"}
"""Options that do not change what is learnt."""
SAMPLE_SIDE = 256
"""Side of the part of an image by which it is recognised, in pixels."""


def training_key(model: Model, options: TrainingOptions, annotations: Sequence[Annotation]) -> str:
    """Return a key that is the same only for the same model, options, images and kinds.

    It does not depend on the scale that is learnt, which the training state holds.
    """
    digest = hashlib.sha256(weights_hash(model.network.state_dict()).encode())
    excluded: dict[str, Any] = dict.fromkeys(IRRELEVANT_OPTIONS, True)
    # states of earlier versions have no such options
    if getattr(options, "rescale", True):
        excluded["rescale"] = True
    if not options.augment.invert:
        excluded["augment"] = {"invert": True}
    digest.update(options.model_dump_json(exclude=excluded).encode())
    for annotation in annotations:
        image = annotation.image
        facts = [image.name, image.axes, image.data.shape, annotation.kind]
        digest.update(json.dumps(facts).encode())
        digest.update(_sample(image))
    return digest.hexdigest()[:24]


def _sample(image: Image) -> bytes:
    """Return the middle of an image, which may be too large to read as a whole."""
    sizes = image.sizes
    middle = {a: max(0, (sizes[a] - SAMPLE_SIDE) // 2) for a in "YX"}
    key = tuple(
        slice(middle[a], middle[a] + SAMPLE_SIDE) if a in middle else n // 2
        for a, n in sizes.items()
    )
    return np.ascontiguousarray(image.data[key]).tobytes()


def annotations_key(training_set: TrainingSet) -> str:
    """Return a key that is the same only for the same annotations.

    It depends on where they apply and how many pixels each class has, not on what is held out, which the
    training state holds.
    """
    digest = hashlib.sha256()
    for truth in training_set.held.truths:
        facts = [sorted(truth.pixels.items()), truth.strokes.sizes.tolist()]
        digest.update(json.dumps(facts).encode())
        for place, mask in sorted(truth.applies.items()):
            digest.update(repr(place).encode())
            digest.update(_content(mask))
    return digest.hexdigest()[:24]


def _content(mask: BitMask) -> bytes:
    box = (mask.rows.start, mask.rows.stop, mask.columns.start, mask.columns.stop)
    return repr(box).encode() + (b"" if mask.bits is None else mask.bits.tobytes())
