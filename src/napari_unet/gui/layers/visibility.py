"""Only one layer of labels is shown at a time, as labels over labels can't be told apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Labels

from napari_unet.gui.layers.purpose import belongs, is_of_mistakes, is_preview, kind_of
from napari_unet.gui.layers.result_layer import untouched

if TYPE_CHECKING:
    import napari
    from napari.layers import Image as ImageLayer


def show_alone(viewer: napari.Viewer, source: ImageLayer, layer: Labels | None) -> None:
    """Show a layer, and hide all other labels of an image; scribbles stay, as they cover little."""
    if layer is not None:
        layer.visible = True
    for other in viewer.layers:
        covers = isinstance(other, Labels) and kind_of(other) != "scribbles"
        if covers and other != layer and (belongs(other, source) or is_of_mistakes(other)):
            other.visible = False


def drop_previews(viewer: napari.Viewer, source: ImageLayer) -> None:
    """Remove previews of an image that nobody has painted on: a result of all of it has them, too."""
    for layer in list(viewer.layers):
        if is_preview(layer) and belongs(layer, source) and untouched(layer):
            viewer.layers.remove(layer)
