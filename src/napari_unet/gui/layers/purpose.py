"""What a layer is for: an image, an annotation, a result, or one that only shows something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast, get_args

import numpy as np
from napari.layers import Labels

from napari_unet.core.annotations.annotation import Kind
from napari_unet.gui.layers.result_layer import CHECKED_BYTES, RECORD, untouched

if TYPE_CHECKING:
    from napari.layers import Image as ImageLayer
    from napari.layers import Layer


KIND = "napari_unet_kind"
"""Key of a labels layer's metadata: its kind."""

KINDS: tuple[Kind, ...] = get_args(Kind)

KIND_TIPS: dict[Kind, str] = {
    "scribbles": "A few strokes: 0 is unlabelled, 1 background, 2 and up the classes.",
    "classes": "Complete planes or regions: 0 is background, each other label a class.",
    "objects": "Complete planes or regions: 0 is background, each other label an object.",
}

IMAGE = "napari_unet_image"
"""Key of a labels layer's metadata: the identity of its image."""

AUGMENTED, DIFFERENCE, LEARNING, MISTAKES, SIZE = DISPLAY_ONLY = (
    "augmented",
    "difference",
    "learning",
    "mistakes",
    "object size",
)
"""Purposes, in their records, of layers that only show something: augmented patches, the difference of
two networks, what a network has learnt so far, the mistakes of a result, and how large objects are."""

PREVIEW = "preview"

DONE = "napari_unet_done"
"""Key of a labels layer's metadata: the frames of the unfinished result that it was copied from."""

MAX_CLASS_LABEL = 255
"""Largest label of a class."""

MAX_LIKELY_CLASSES = 8
"""A labels layer without a record holds objects if it has larger values than this."""


def kind_of(labels: Layer | None) -> Kind:
    """Return what the labels of a layer mean: as noted in it, else what is likely."""
    if labels is None:
        return "scribbles"
    noted = labels.metadata.get(KIND)
    if noted in KINDS:
        return cast("Kind", noted)
    if RECORD not in labels.metadata:
        return "scribbles"
    return "objects" if _purpose(labels).get("objects") else "classes"


def note_kind(labels: Layer, kind: Kind) -> None:
    """Note in a layer what its labels mean."""
    labels.metadata = {**labels.metadata, KIND: kind}


def only_shows(layer: Layer) -> bool:
    """Whether a layer only shows something, and is made again when needed."""
    return _purpose(layer).get("title") in DISPLAY_ONLY


def is_paint(layer: Layer) -> bool:
    """Whether a layer may have been painted on."""
    return isinstance(layer, Labels) and not only_shows(layer)


def is_preview(layer: Layer) -> bool:
    """Whether a layer is a preview: a segmentation of the part that was on the screen."""
    return _purpose(layer).get("title") == PREVIEW and not is_annotation(layer)


def is_result(layer: Layer) -> bool:
    """Whether a layer is a segmentation of a whole image by *Segment*."""
    done = isinstance(layer, Labels) and bool(_record(layer).get("complete"))
    return done and not is_preview(layer) and not only_shows(layer)


def is_unfinished(layer: Labels) -> bool:
    """Whether a layer is what a run left that was stopped, and nobody has edited it since."""
    return _record(layer).get("complete") is False and untouched(layer)


def frames_done(labels: Labels) -> list[list[int]] | None:
    """Return which frames an unfinished result has, by their place along other axes; None: all."""
    done: list[list[int]] | None = labels.metadata.get(DONE)
    return done if done is not None else _record(labels).get("done")


def is_of_mistakes(layer: Layer) -> bool:
    """Whether a layer shows the mistakes of a result."""
    return _purpose(layer).get("title") == MISTAKES


def is_annotation(layer: Layer) -> bool:
    """Whether a layer is an annotation: made to be painted on."""
    return is_paint(layer) and layer.metadata.get(KIND) in KINDS


def belongs(labels: Labels, source: ImageLayer | None) -> bool:
    """Whether a layer is an annotation or a result of this image."""
    own = labels.metadata.get(IMAGE) or _record(labels).get("source")
    return source is not None and own == str(source.unique_id)


def likely_kind(labels: Labels) -> Kind:
    """Return whether labels are classes or objects: by their record, else by their values."""
    purpose = _purpose(labels)
    if "objects" in purpose:
        return "objects" if purpose["objects"] else "classes"
    data = labels.data
    if not isinstance(data, np.ndarray) or data.nbytes > CHECKED_BYTES:
        # reading all of it could take minutes
        return "objects"
    return "classes" if data.max(initial=0) <= MAX_LIKELY_CLASSES else "objects"


def _record(layer: Layer) -> dict[str, Any]:
    """Return the record of a layer; empty if there is none, or something else under our key."""
    record = layer.metadata.get(RECORD)
    return record if isinstance(record, dict) else {}


def _purpose(layer: Layer) -> dict[str, Any]:
    purpose = _record(layer).get("purpose")
    return purpose if isinstance(purpose, dict) else {}
