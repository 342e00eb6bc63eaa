"""Which layers can be a result to be judged, and which the true labels of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image as ImageLayer

from napari_unet.gui.layers.fit import fits
from napari_unet.gui.layers.images import image_of, layer_array, likely_axes
from napari_unet.gui.layers.pairing import image_for
from napari_unet.gui.layers.placement import letters_of, place
from napari_unet.gui.layers.purpose import (
    KIND,
    KINDS,
    belongs,
    is_annotation,
    is_paint,
    kind_of,
    likely_kind,
)
from napari_unet.gui.widgets.image_form import is_input

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels, Layer

    from napari_unet.core.annotations.annotation import Kind
    from napari_unet.core.image.axes import Image


def as_image(viewer: napari.Viewer, result: Labels, truth: Layer | None = None) -> Image:
    """Give a result its axes: those of the image that it lies on, if that is open.

    Parameters
    ----------
    viewer
        Its images are looked at.
    result
        The layer.
    truth
        A layer that is not that image, though it may look like one.

    Raises
    ------
    UserError
        When it has no pixels.
    """
    sources = [x for x in reversed(viewer.layers) if is_input(x) and x != truth]
    source = image_for(result, sources)
    if source is None:
        return image_of(result, likely_axes(result))
    image = image_of(source, likely_axes(source))
    placed = place(source, image.axes)
    alike = tuple(layer_array(result).shape) == placed.shape
    letters = letters_of(placed, source, image.axes) if alike else image.label_axes
    return image_of(result, letters)


def may_be_true(layer: Layer, result: Labels | None) -> bool:
    """Whether a layer may be meant as the true labels of a result, whether or not it fits.

    A TIFF of 8 or 16 bits is opened as an image, whatever it holds.
    """
    if result is None or layer == result:
        return False
    if isinstance(layer, ImageLayer):
        return is_input(layer) and not layer.rgb and not belongs(result, layer)
    return is_paint(layer)


def misfit(result: Labels, image: Image, layer: Layer) -> str:
    """Return why a layer can't hold the true labels of a result, in a few words; empty if it can."""
    data = layer_array(layer)
    if np.dtype(data.dtype).kind not in "iub":
        return "decimal numbers"
    if not fits(result, image, layer):
        return f"{' × '.join(map(str, data.shape))} pixels"
    return ""


def meant(result: Labels | None, truth: Layer | None) -> Kind:
    """Return what two layers of labels are likely to mean."""
    if truth is not None and is_annotation(truth) and kind_of(truth) == "scribbles":
        return "scribbles"
    if result is None:
        return "objects"
    noted = kind_of(result) if result.metadata.get(KIND) in KINDS else "scribbles"
    return likely_kind(result) if noted == "scribbles" else noted
