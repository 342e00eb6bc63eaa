"""Whether labels match an image pixel for pixel, and what makes them match."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels

from napari_unet.core.errors import UserError
from napari_unet.core.image.alignment import check_placement, integer_factors, resample_labels
from napari_unet.gui.layers.images import layer_array
from napari_unet.gui.layers.placement import place
from napari_unet.gui.layers.purpose import IMAGE, KIND, kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import napari
    from napari.layers import Image as ImageLayer
    from napari.layers import Layer

    from napari_unet.core.image.axes import Image


def fits(source: Layer, image: Image, labels: Layer) -> bool:
    """Whether a labels layer has as many pixels as the image along each label axis."""
    data = layer_array(labels)
    shape = tuple(data.shape)
    return shape == image.label_shape or shape == place(source, image.axes).shape


def can_be_resampled(source: ImageLayer, image: Image, labels: Labels) -> bool:
    """Whether a labels layer is smaller or larger than the image by whole factors."""
    data = layer_array(labels)
    alike = fits(source, image, labels)
    return not alike and integer_factors(image, tuple(data.shape)) is not None


def lies_apart(source: Layer, image: Image, labels: Layer) -> bool:
    """Whether a labels layer has as many pixels as the image, but another scale or position."""
    inside = place(source, image.axes).inside
    if not fits(source, image, labels) or len(inside) != labels.ndim:
        return False
    try:
        check_placement(image, *lie_of(source, image, labels, inside), labels.name)
    except UserError:
        return True
    return False


def align_to_image(source: Layer, image: Image, labels: Layer) -> None:
    """Give a labels layer the scale and position of the image; for labels that `lies_apart` finds."""
    for name, value in place(source, image.axes).transform.items():
        setattr(labels, name, value)


def add_resampled(
    viewer: napari.Viewer, source: ImageLayer, image: Image, labels: Labels
) -> Labels:
    """Add a copy of labels, resampled to the pixels of the image, and hide the original."""
    placed = place(source, image.axes)
    data = layer_array(labels)
    layer = Labels(
        resample_labels(image, data).reshape(placed.shape),
        name=f"{labels.name} resampled",
        opacity=labels.opacity,
        colormap=labels.colormap,
        features=labels.features,
        metadata={KIND: kind_of(labels), IMAGE: str(source.unique_id)},
        **placed.transform,
    )
    viewer.add_layer(layer)
    labels.visible = False
    return layer


def lie_of(
    source: Layer, image: Image, labels: Layer, inside: Sequence[Any]
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the pixel size of labels, and their first corner in pixels of the image, by axis."""
    lead = source.ndim - labels.ndim
    corner = np.asarray(source.world_to_data(labels.data_to_world(np.zeros(labels.ndim))))
    scale, offset = {}, {}
    for d, part in enumerate(inside):
        if not isinstance(part, slice):
            continue
        letter = image.axes[d + lead]
        step = np.eye(labels.ndim)[d]
        moved = np.asarray(source.world_to_data(labels.data_to_world(step)))
        ratio = float(moved[d + lead] - corner[d + lead])
        scale[letter] = image.scale.get(letter, 1.0) * ratio
        offset[letter] = float(corner[d + lead])
    return scale, offset
