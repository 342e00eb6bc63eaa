"""The image that labels lie on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Image as ImageLayer

from napari_unet.core.errors import UserError
from napari_unet.gui.layers.fit import fits
from napari_unet.gui.layers.images import image_of, likely_axes
from napari_unet.gui.layers.purpose import belongs

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels

    from napari_unet.core.image.axes import Image


def image_under(viewer: napari.Viewer, labels: Labels) -> tuple[ImageLayer, Image]:
    """Return the image layer that labels cover pixel for pixel, their own before others.

    Raises
    ------
    UserError
        When no image fits.
    """
    sources = [
        layer
        for layer in reversed(viewer.layers)
        if isinstance(layer, ImageLayer) and "napari_unet" not in layer.metadata
    ]
    for source in sorted(sources, key=lambda source: not belongs(labels, source)):
        try:
            image = image_of(source, likely_axes(source))
        except UserError:
            continue
        if fits(source, image, labels):
            return source, image
    raise UserError(
        f"{labels.name!r} covers none of the images",
        value=f"{tuple(labels.data.shape)} pixels",
        rule="Objects are measured on an image that they cover pixel for pixel.",
        remedy="Open the image that they were found in.",
    )
