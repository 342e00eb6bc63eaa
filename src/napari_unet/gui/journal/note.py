"""How a journal describes a labels layer, and how the layer is made from it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels
from napari.utils.colormaps import CyclicLabelColormap

from napari_unet.core.journal.records import ImageIdentity, PaintNote
from napari_unet.gui.layers.images import identity, place_of
from napari_unet.gui.layers.purpose import KIND, kind_of
from napari_unet.gui.layers.result_before import BEFORE, before_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari.layers import Layer
    from numpy.typing import NDArray
    from pydantic import JsonValue

MAX_CLASSES = 32
"""With more colours, they are those of napari; with more names, those of objects."""


def image_identity(source: ImageLayer) -> ImageIdentity:
    """Return what identifies the image of a layer."""
    name, path, shape = identity(source)
    return ImageIdentity(name=name, path=path, shape=shape)


def note_of(
    layer: Labels, image: ImageIdentity, checks: Mapping[str, Any] | None = None
) -> PaintNote:
    """Describe the annotation of an image, and what is checked of the image."""
    before = before_of(layer)
    look: dict[str, Any] = {
        **place_of(layer),
        "opacity": float(layer.opacity),
        "colours": colours_of(layer),
        "classes": _classes(layer),
        "checks": checks,
        "result_before": None if before is None else before.plain(),
    }
    return PaintNote(
        name=layer.name,
        image=image,
        kind=kind_of(layer),
        shape=tuple(int(n) for n in layer.data.shape),
        dtype=np.dtype(layer.data.dtype).name,
        look=cast("dict[str, JsonValue]", look),
    )


def layer_of(note: PaintNote, paint: NDArray[Any]) -> Labels:
    """Return the labels layer of a restored annotation."""
    look: dict[str, Any] = dict(note.look)
    keys = ("colours", "classes", "checks", "result_before")
    colours, classes, _, before = (look.pop(key, None) for key in keys)
    if colours:
        look["colormap"] = CyclicLabelColormap(colors=colours)
    if classes:
        indices = [int(index) for index in classes]
        look["features"] = {"index": indices, "class": list(classes.values())}
    metadata = {KIND: note.kind, BEFORE: before} if before else {KIND: note.kind}
    return Labels(paint, name=note.name, metadata=metadata, **look)


def colours_of(layer: Labels) -> list[list[float]] | None:
    """Return the colours of classes; None if they are those of napari, or chosen label by label."""
    colormap = layer.colormap
    if not isinstance(colormap, CyclicLabelColormap) or len(colormap.colors) > MAX_CLASSES:
        return None
    return cast("list[list[float]]", np.asarray(colormap.colors, float).round(4).tolist())


def find_image(layers: Iterable[Layer], wanted: ImageIdentity) -> ImageLayer | None:
    """Return the topmost layer of an image; None if it is not open.

    An image from a file may have another name than before.
    """
    for layer in reversed(list(layers)):
        if isinstance(layer, ImageLayer):
            identity_now = image_identity(layer)
            same_name = identity_now.name == wanted.name or identity_now.path
            if (identity_now.path, identity_now.shape) == (wanted.path, wanted.shape) and same_name:
                return layer
    return None


def _classes(layer: Labels) -> dict[str, str] | None:
    """Return the names of classes by their labels; None if there are none."""
    table = layer.features
    if not {"index", "class"} <= set(table.columns) or len(table) > MAX_CLASSES:
        return None
    return {str(int(i)): str(name) for i, name in zip(table["index"], table["class"], strict=True)}
