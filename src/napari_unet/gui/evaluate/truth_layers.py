"""Which layers can be a result to evaluate, and which its true labels."""

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
    is_result,
    kind_of,
    likely_kind,
)
from napari_unet.gui.layers.result_layer import RECORD
from napari_unet.gui.widgets.image_form import is_input

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari
    from napari.layers import Labels, Layer

    from napari_unet.core.annotations.annotation import Kind
    from napari_unet.core.image.axes import Image


def as_image(viewer: napari.Viewer, result: Labels, truth: Layer | None = None) -> Image:
    """Give a result its axes: those of the image it covers, if that is open.

    Parameters
    ----------
    viewer
        Its images are considered.
    result
        The layer.
    truth
        The true labels, which may be opened as an image.

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
    """Whether a layer may hold the true labels of a result, whether or not it fits.

    napari opens a TIFF of 8 or 16 bits as an image, whatever is in it.
    """
    if result is None or layer == result:
        return False
    if isinstance(layer, ImageLayer):
        return is_input(layer) and not layer.rgb and not belongs(result, layer)
    return is_paint(layer)


def misfit(result: Labels, image: Image, layer: Layer) -> str:
    """Return in a few words why a layer can't hold the true labels of a result; empty if it can."""
    data = layer_array(layer)
    if np.dtype(data.dtype).kind not in "iub":
        return "decimal numbers"
    if not fits(result, image, layer):
        return f"{' × '.join(map(str, data.shape))} pixels"
    return ""


def misfits(viewer: napari.Viewer, result: Labels, image: Image) -> list[str]:
    """Return why layers that may hold the true labels of a result can't: a line for each, by name."""
    others = [layer for layer in reversed(viewer.layers) if may_be_true(layer, result)]
    reasons = [(layer.name, misfit(result, image, layer)) for layer in others]
    return [f"“{name}”: {reason}" for name, reason in reasons if reason]


def likely_result(offered: Sequence[Labels]) -> Labels | None:
    """Return the newest result of *Segment*, else the topmost labels; None if there are none."""
    results = [layer for layer in offered if is_result(layer)]
    return next(iter(results or offered), None)


def likely_truth(offered: Sequence[Layer]) -> Layer | None:
    """Return labels that we have not made, annotations last; None if there are none.

    Images are left to the user: nothing tells which of them holds labels.
    """
    labels = [layer for layer in offered if is_paint(layer) and RECORD not in layer.metadata]
    return min(labels, key=is_annotation, default=None)


def likely_kind_of_both(result: Labels | None, truth: Layer | None) -> Kind:
    """Return what two layers of labels are likely to mean."""
    if truth is not None and is_annotation(truth) and kind_of(truth) == "scribbles":
        return "scribbles"
    if result is None:
        return "objects"
    noted = kind_of(result) if result.metadata.get(KIND) in KINDS else "scribbles"
    return likely_kind(result) if noted == "scribbles" else noted
