"""Annotations: new layers, and copies of results to correct. Their kind is kept in the metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import CyclicLabelColormap

from napari_unet.core.errors import UserError
from napari_unet.core.objects.edit import free_number
from napari_unet.gui.layers.images import place_of
from napari_unet.gui.layers.placement import place
from napari_unet.gui.layers.purpose import (
    DONE,
    IMAGE,
    KIND,
    MAX_CLASS_LABEL,
    frames_done,
    kind_of,
)
from napari_unet.gui.layers.result_before import BEFORE, ResultBefore
from napari_unet.gui.layers.result_layer import RECORD
from napari_unet.gui.layers.results import COLOURS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari
    from napari.layers import Image as ImageLayer

    from napari_unet.core.annotations.annotation import Kind
    from napari_unet.core.image.axes import Image

BACKGROUND = "#60a5fa"
"""Colour of painted background: unlike the colours of classes, and unlike a grey image."""
UNNAMED: dict[Kind, tuple[str, ...]] = {
    "scribbles": ("unlabelled", "background"),
    "classes": ("background",),
    "objects": (),
}
"""Names of the first label values, which are not classes, by kind."""


def new_annotation_layer(
    viewer: napari.Viewer,
    source: ImageLayer,
    image: Image,
    classes: Sequence[str],
    kind: Kind = "scribbles",
) -> Labels:
    """Add an empty annotation over an image, ready to be painted on.

    Parameters
    ----------
    viewer
        The layer is added to it.
    source, image
        The image layer, and the image it holds.
    classes
        Names of the classes without the background.
    kind
        What its labels will mean.
    """
    placed = place(source, image.axes)
    layer = Labels(
        np.zeros(placed.shape, np.uint32 if kind == "objects" else np.uint8),
        name=f"{source.name} {kind}",
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
        The layer is added to it.
    source
        The image layer that it covers.
    labels
        The result, which stays as it is.
    kind
        ``"classes"`` or ``"objects"``.

    Raises
    ------
    UserError
        When the result is incomplete, or has too many labels for classes.
    """
    data = _array(labels)
    _check_source(labels, int(data.max(initial=0)), kind)
    # objects: room for numbers to come
    dtype = np.result_type(data.dtype, np.uint32) if kind == "objects" else data.dtype
    data = data.astype(dtype)
    layer = Labels(
        data.copy(),
        name=f"{labels.name} corrected",
        opacity=0.7,
        # without its record, or the next run would reuse the layer
        metadata={
            KIND: kind,
            IMAGE: str(source.unique_id),
            # the result may be replaced by that of another network
            BEFORE: ResultBefore(data),
            **({} if frames_done(labels) is None else {DONE: frames_done(labels)}),
        },
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
    """Select a layer, and paint with a label; for objects, one that no object has."""
    viewer.layers.selection.active = layer
    layer.brush_size = 8
    layer.selected_label = label
    layer.mode = "paint"


def class_looks(kind: Kind, classes: Sequence[str]) -> dict[str, Any]:
    """Return features and colours of a layer with these classes; empty for objects."""
    if kind == "objects":
        return {}
    names = [*UNNAMED[kind], *classes]
    ground = [BACKGROUND] if kind == "scribbles" else []
    return {
        "colormap": CyclicLabelColormap(colors=["transparent", *ground, *COLOURS]),
        "features": {"index": list(range(len(names))), "class": names},
    }


def class_names(labels: Labels) -> tuple[str, ...]:
    """Return the names of the classes of a layer without the background; empty if it has none."""
    named = names_by_value(labels)
    if not named:
        return ()
    first = len(UNNAMED[kind_of(labels)])
    last = max(named)
    # a class without a name keeps its place
    return tuple(named.get(i, f"class {i - first + 1}") for i in range(first, last + 1))


def names_by_value(labels: Labels) -> dict[int, str]:
    """Return the names of the values of a layer with the background; empty if it has none."""
    features = labels.features
    if "index" not in features or "class" not in features:
        return {}
    return dict(zip(features["index"].tolist(), map(str, features["class"]), strict=True))


def _check_source(labels: Labels, largest: int, kind: Kind) -> None:
    if RECORD in labels.metadata and not labels.editable:
        raise UserError(
            f"{labels.name!r} is still being filled in",
            rule="A result can be corrected once it is complete.",
            remedy="Wait until the run has ended, or stop it.",
        )
    if kind == "classes" and largest > MAX_CLASS_LABEL:
        raise UserError(
            f"{labels.name!r} has too many labels for classes",
            value=largest,
            rule=f"Labels of classes go up to {MAX_CLASS_LABEL}.",
            remedy="Choose the kind “objects”.",
        )


def _names(labels: Labels, last: int) -> tuple[str, ...]:
    """Return names for all classes up to the label `last` of a result."""
    names = names_by_value(labels)
    return tuple(names.get(i, f"class {i}") for i in range(1, max([last, 1, *names]) + 1))


def _array(labels: Labels) -> Any:
    return np.asarray(labels.data[0] if labels.multiscale else labels.data)
