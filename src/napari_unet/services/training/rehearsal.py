"""What bundled networks were trained on, a little of it: rehearsed while they are tuned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.services.library import bundled_folder

if TYPE_CHECKING:
    from napari_unet.core.annotations.annotation import Annotation
    from napari_unet.core.model.spec import Model

REHEARSALS = {"nuclei-fluorescence": "nuclei", "nuclei-broad": "nuclei"}
"""Name of what each bundled network rehearses."""
RECORD = "rehearsal"
"""Key of that name in the record of a training."""


def rehearsal_name(model: Model) -> str:
    """Return the name of what a network rehearses; empty if there is nothing.

    Bundled networks are known by their weights, those tuned from them by their provenance.
    """
    from napari_unet.core.model.file import MODEL_SUFFIX, read_hash, weights_hash

    recorded = str(model.spec.provenance.training.get(RECORD, ""))
    if recorded in REHEARSALS.values():
        return recorded
    weights = weights_hash(model.network.state_dict())
    for network, name in REHEARSALS.items():
        path = bundled_folder() / f"{network}{MODEL_SUFFIX}"
        if path.is_file() and read_hash(path) == weights:
            return name
    return ""


def rehearsal_annotations(name: str) -> tuple[Annotation, ...]:
    """Return the images and their objects; none for an empty name."""
    import numpy as np

    from napari_unet.core.annotations.annotation import Annotation
    from napari_unet.core.image.axes import Image

    if not name:
        return ()
    with np.load(bundled_folder().parent / "rehearsal" / f"{name}.npz") as file:
        each = zip(file["pixels"], file["objects"], strict=True)
        return tuple(
            Annotation(Image(pixels, "YX", name=f"{name} {i}"), objects, "objects")
            for i, (pixels, objects) in enumerate(each)
        )
