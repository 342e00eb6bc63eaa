"""What a layer is for: an image, an annotation, a result, or one that only shows something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast, get_args

import numpy as np
from napari.layers import Labels

from napari_unet.core.annotations.annotation import Kind
from napari_unet.gui.layers.result_layer import CHECKED_BYTES, RECORD

if TYPE_CHECKING:
    from napari.layers import Image as ImageLayer
    from napari.layers import Layer


KIND = "napari_unet_kind"
"""Key of a labels layer's metadata under which its kind lies."""

KINDS: tuple[Kind, ...] = get_args(Kind)

KIND_TIPS: dict[Kind, str] = {
    "scribbles": "A few strokes: 0 is not labelled, 1 background, 2 and up what you look for.",
    "classes": "All of a plane or region: 0 is background, each other label one class.",
    "objects": "All of a plane or region: 0 is background, each other label one object.",
}

IMAGE = "napari_unet_image"
"""Key of a labels layer's metadata under which the identity of its image lies."""

AUGMENTED, DIFFERENCE, LEARNING, MISTAKES = NOT_PAINT = (
    "augmented",
    "difference",
    "learning",
    "mistakes",
)
"""Purposes, in their records, of layers that only show something: how patches are varied, where two
networks differ, what one has learnt so far, and where a result is wrong."""

PREVIEW = "preview"

MOST = 255
"""Largest label of a class."""

MOST_CLASSES = 8
"""A labels layer without a record that has larger values holds objects."""


def kind_of(labels: Layer | None) -> Kind:
    """Return what the paint of a layer means: as noted in it, else what is likely."""
    if labels is None:
        return "scribbles"
    noted = labels.metadata.get(KIND)
    if noted in KINDS:
        return cast("Kind", noted)
    if RECORD not in labels.metadata:
        return "scribbles"
    return "objects" if _purpose(labels).get("objects") else "classes"


def note_kind(labels: Layer, kind: Kind) -> None:
    """Keep in a layer what its paint means."""
    labels.metadata = {**labels.metadata, KIND: kind}


def only_shows(layer: Layer) -> bool:
    """Whether a layer only shows something, and is made anew when it is wanted."""
    return _purpose(layer).get("title") in NOT_PAINT


def is_paint(layer: Layer) -> bool:
    """Whether a layer can have been painted on."""
    return isinstance(layer, Labels) and not only_shows(layer)


def is_preview(layer: Layer) -> bool:
    """Whether a layer shows what a network says of what was on the screen: of a part only."""
    return _purpose(layer).get("title") == PREVIEW and not is_annotation(layer)


def is_result(layer: Layer) -> bool:
    """Whether a layer is what *Segment* made of a whole image."""
    done = isinstance(layer, Labels) and bool(_record(layer).get("complete"))
    return done and not is_preview(layer) and not only_shows(layer)


def is_of_mistakes(layer: Layer) -> bool:
    """Whether a layer shows where a result is wrong."""
    return _purpose(layer).get("title") == MISTAKES


def is_annotation(layer: Layer) -> bool:
    """Whether a layer was made to be painted on."""
    return is_paint(layer) and layer.metadata.get(KIND) in KINDS


def belongs(labels: Labels, source: ImageLayer | None) -> bool:
    """Whether a layer was made to be painted on over this image, or is a result of it."""
    own = labels.metadata.get(IMAGE) or _record(labels).get("source")
    return source is not None and own == str(source.unique_id)


def likely_kind(labels: Labels) -> Kind:
    """Return whether a result holds classes or objects: as its record says, else by its values."""
    purpose = _purpose(labels)
    if "objects" in purpose:
        return "objects" if purpose["objects"] else "classes"
    data = labels.data
    if not isinstance(data, np.ndarray) or data.nbytes > CHECKED_BYTES:
        # reading all of it could take minutes
        return "objects"
    return "classes" if data.max(initial=0) <= MOST_CLASSES else "objects"


def _record(layer: Layer) -> dict[str, Any]:
    """Return how a layer came about; nothing of one that has something else under our key."""
    found = layer.metadata.get(RECORD)
    return found if isinstance(found, dict) else {}


def _purpose(layer: Layer) -> dict[str, Any]:
    found = _record(layer).get("purpose")
    return found if isinstance(found, dict) else {}
