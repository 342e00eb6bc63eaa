"""The voxel size of layers: as their file states it, or as it is typed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels, Shapes

from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import MICROMETERS, Image
from napari_unet.gui.layers.images import layer_array

if TYPE_CHECKING:
    from collections.abc import Mapping

    import napari
    from napari.layers import Layer

DECLINED = "napari_unet_without_scale"
"""Key of an image layer's metadata: the user wants no voxel size from the file."""


def has_scale(layer: Layer) -> bool:
    """Whether somebody gave a layer a scale or a unit."""
    return not np.allclose(layer.scale, 1) or any(str(unit) != "pixel" for unit in layer.units)


def adopt_file_scale(viewer: napari.Viewer, layer: ImageLayer, axes: str) -> bool:
    """Give a layer without scale the voxel size of its file, and the same to what is painted on it.

    Returns
    -------
    bool
        Whether that was done.
    """
    if has_scale(layer) or layer.metadata.get(DECLINED):
        return False
    image = _file_image(layer, axes)
    if image is None or image.unit not in MICROMETERS or not {"Y", "X"} <= set(image.scale):
        return False
    set_voxel_size(viewer, layer, axes, {a: image.scale.get(a, 1.0) for a in "ZYX" if a in axes})
    return True


def decline_file_scale(viewer: napari.Viewer, layer: ImageLayer) -> None:
    """Take the voxel size away again, for good."""
    for each in (layer, *_painted_on(viewer, layer)):
        each.scale = (1,) * each.ndim
        each.units = ("pixel",) * each.ndim
    layer.metadata = {**layer.metadata, DECLINED: True}


def set_voxel_size(
    viewer: napari.Viewer, layer: ImageLayer, axes: str, sizes: Mapping[str, float]
) -> None:
    """Set the voxel size of a layer in micrometers, and the same for what is painted on it.

    Parameters
    ----------
    viewer, layer
        The layer and its viewer.
    axes
        A letter for each dimension of its array.
    sizes
        In micrometers, by axis.
    """
    painted = _painted_on(viewer, layer)
    letters = axes[: layer.ndim]
    scale = dict(zip(letters, layer.scale, strict=True)) | dict(sizes)
    units = dict(zip(letters, map(str, layer.units), strict=True)) | dict.fromkeys(
        sizes, "micrometer"
    )
    for each in (layer, *painted):
        own = letters if each.ndim == layer.ndim else "".join(a for a in letters if a != "C")
        each.scale = [scale[a] for a in own]
        each.units = [units[a] for a in own]


def voxel_size(layer: ImageLayer, axes: str) -> dict[str, float]:
    """Return the voxel size of a layer in micrometers by axis; empty where a unit is no length."""
    letters = axes[: layer.ndim]
    sizes = {}
    for a, size, unit in zip(letters, layer.scale, layer.units, strict=True):
        if a in "ZYX" and (factor := MICROMETERS.get(str(unit).lower())):
            sizes[a] = float(size) * factor
    return {a: sizes[a] for a in "ZYX" if a in sizes}


def _painted_on(viewer: napari.Viewer, layer: ImageLayer) -> list[Layer]:
    """Return the labels and shapes that lie on a layer pixel by pixel."""
    shape = tuple(layer_array(layer).shape)[: layer.ndim]
    return [
        other
        for other in viewer.layers
        if isinstance(other, Labels | Shapes)
        and other.ndim in (layer.ndim, layer.ndim - 1)
        and np.allclose(other.scale[-2:], layer.scale[-2:])
        and np.allclose(other.translate, 0)
        and (isinstance(other, Shapes) or set(other.data.shape) <= set(shape))
    ]


def _file_image(layer: ImageLayer, axes: str) -> Image | None:
    """Return the image of a layer's file, if it is that of the layer."""
    path = Path(layer.source.path) if layer.source.path else None
    if path is None:
        return None
    # it imports tifffile, which would delay the opening of the panel
    from napari_unet.services.files.images import is_image_file, open_image

    if not is_image_file(path):
        return None
    try:
        image = open_image(path, axes)
    except UserError:
        return None
    return image if tuple(image.data.shape) == tuple(layer_array(layer).shape) else None
