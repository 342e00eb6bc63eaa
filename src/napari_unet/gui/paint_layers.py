"""Layers to paint on: new ones, and copies of results to correct. Their kind lies in their metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast, get_args

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import CyclicLabelColormap

from napari_unet.core.annotations import Kind
from napari_unet.core.edit_labels import free_number
from napari_unet.core.errors import UserError
from napari_unet.gui.filling import CHECKED_BYTES, RECORD
from napari_unet.gui.layers import place_of
from napari_unet.gui.placement import place
from napari_unet.gui.results import COLOURS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari
    from napari.layers import Image as ImageLayer
    from napari.layers import Layer

    from napari_unet.core.axes import Image

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
BACKGROUND = "#60a5fa"
"""Colour of painted background: unlike the classes' and unlike a grey image."""
UNNAMED: dict[Kind, tuple[str, ...]] = {
    "scribbles": ("unlabelled", "background"),
    "classes": ("background",),
    "objects": (),
}
"""Names of the first label values, which are no classes, by kind."""
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


def new_paint_layer(
    viewer: napari.Viewer,
    source: ImageLayer,
    image: Image,
    classes: Sequence[str],
    kind: Kind = "scribbles",
) -> Labels:
    """Add an empty labels layer over an image, ready to be painted on.

    Parameters
    ----------
    viewer
        Where it goes.
    source, image
        The image layer, and the image it holds.
    classes
        Names of the classes without the background.
    kind
        What its paint will mean.
    """
    placed = place(source, image.axes)
    layer = Labels(
        np.zeros(placed.shape, np.uint32 if kind == "objects" else np.uint8),
        name=f"{source.name} {'paint' if kind == 'scribbles' else kind}",
        opacity=0.7,
        metadata={KIND: kind, IMAGE: str(source.unique_id)},
        **class_looks(kind, classes),
        **placed.transform,
    )
    viewer.add_layer(layer)
    make_ready(viewer, layer)
    return layer


def correct(viewer: napari.Viewer, source: ImageLayer, labels: Labels, kind: Kind) -> Labels:
    """Add a copy of a result over it, ready to be corrected, and hide the result.

    Parameters
    ----------
    viewer
        Where it goes.
    source
        The image layer that it lies on.
    labels
        The result, which stays as it is.
    kind
        ``"classes"`` or ``"objects"``.

    Raises
    ------
    UserError
        When it is still being filled in, or has too many labels for classes.
    """
    data = _array(labels)
    _check_source(labels, int(data.max(initial=0)), kind)
    if kind == "objects":
        # room for numbers to come
        data = data.astype(np.result_type(data.dtype, np.uint32))
    layer = Labels(
        data.copy(),
        name=f"{labels.name} corrected",
        opacity=0.7,
        # its record stays behind: the next run would take it for its own
        metadata={KIND: kind, IMAGE: str(source.unique_id)},
        **place_of(labels),
        **(
            class_looks(kind, _names(labels, int(data.max(initial=0)))) if kind == "classes" else {}
        ),
    )
    viewer.add_layer(layer)
    labels.visible = False
    make_ready(viewer, layer, 1 if kind == "classes" else free_number(data))
    return layer


def make_ready(viewer: napari.Viewer, layer: Labels, label: int = 1) -> None:
    """Select a layer and take up its brush; on objects, with a number that would change none."""
    viewer.layers.selection.active = layer
    layer.brush_size = 8
    layer.selected_label = label
    layer.mode = "paint"


def class_looks(kind: Kind, classes: Sequence[str]) -> dict[str, Any]:
    """Return features and colours of a layer with these classes; nothing for objects."""
    if kind == "objects":
        return {}
    names = [*UNNAMED[kind], *classes]
    ground = [BACKGROUND] if kind == "scribbles" else []
    return {
        "colormap": CyclicLabelColormap(colors=["transparent", *ground, *COLOURS]),
        "features": {"index": list(range(len(names))), "class": names},
    }


def class_names(labels: Labels) -> tuple[str, ...]:
    """Return the names of the classes of a layer, background left out; none where it has no names."""
    named = names_by_value(labels)
    if not named:
        return ()
    first = len(UNNAMED[kind_of(labels)])
    last = max(named)
    # a class without a name keeps its place
    return tuple(named.get(i, f"class {i - first + 1}") for i in range(first, last + 1))


def names_by_value(labels: Labels) -> dict[int, str]:
    """Return what the values of a layer are called, background included; none where it has no names."""
    features = labels.features
    if "index" not in features or "class" not in features:
        return {}
    return dict(zip(features["index"].tolist(), map(str, features["class"]), strict=True))


def _record(layer: Layer) -> dict[str, Any]:
    """Return how a layer came about; nothing of one that has something else under our key."""
    found = layer.metadata.get(RECORD)
    return found if isinstance(found, dict) else {}


def _purpose(layer: Layer) -> dict[str, Any]:
    found = _record(layer).get("purpose")
    return found if isinstance(found, dict) else {}


def _check_source(labels: Labels, largest: int, kind: Kind) -> None:
    if RECORD in labels.metadata and not labels.editable:
        raise UserError(
            f"{labels.name!r} is still being filled in",
            rule="A result can be corrected once it is complete.",
            remedy="Wait for the end of the run, or stop it.",
        )
    if kind == "classes" and largest > MOST:
        raise UserError(
            f"{labels.name!r} has too many labels for classes",
            value=largest,
            rule=f"Labels of classes go up to {MOST}.",
            remedy="Say that it holds objects.",
        )


def _names(labels: Labels, last: int) -> tuple[str, ...]:
    """Return names for all classes up to the label `last` of a result."""
    found = names_by_value(labels)
    return tuple(found.get(i, f"class {i}") for i in range(1, max([last, 1, *found]) + 1))


def _array(labels: Labels) -> Any:
    return np.asarray(labels.data[0] if labels.multiscale else labels.data)
