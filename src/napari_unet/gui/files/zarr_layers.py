"""OME-Zarr for napari: lazy layers of all levels, with the labels in the container."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet.core.image.axes import Image
    from napari_unet.services.omezarr.images import ZarrImage

    LayerData = tuple[Any, dict[str, Any], str]
    LayersOf = Callable[[Image, str, dict[str, Any]], list[LayerData]]


def zarr_layers(path: str, layers_of: LayersOf) -> list[LayerData]:
    """Read the images of a container as layers, one for each channel, and their labels.

    Parameters
    ----------
    path
        The container, or a group in it.
    layers_of
        Returns the layers of an image, given a name and the file.

    Raises
    ------
    UserError
        When it can't be read.
    """
    from napari_unet.services.omezarr.images import image_places, label_places, open_zarr

    layers: list[LayerData] = []
    for place in image_places(path):
        found = open_zarr(str(place))
        layers += _of_image(found, layers_of)
        for labels in label_places(place):
            layers += _of_image(open_zarr(str(labels)), layers_of)
    return layers


def _of_image(found: ZarrImage, layers_of: LayersOf) -> list[LayerData]:
    """Return the layers of an image, or of labels."""
    name, file = found.place.name, {"path": str(found.place), "series": 0}
    levels = [found.image(level) for level in range(len(found.arrays))]
    first, *others = (layers_of(level, name, file) for level in levels)
    # a level whose planes are channels no more can't be shown with the others
    same = [level for level in others if len(level) == len(first)]
    merged = [_merged([layer, *rest]) for layer, *rest in zip(first, *same, strict=True)]
    for (_, keywords, _), channel in zip(merged, found.channels, strict=False):
        if channel.limits is not None:
            keywords["contrast_limits"] = list(channel.limits)
    return [_as_labels(layer) for layer in merged] if found.holds_labels else merged


def _merged(levels: list[LayerData]) -> LayerData:
    """Put the levels of a channel together; the look is that of the first."""
    data, keywords, kind = levels[0]
    shown = [level[0] for level in levels if level[0].ndim == data.ndim]
    if len(shown) > 1:
        return shown, keywords | {"multiscale": True}, kind
    return data, keywords, kind


def _as_labels(layer: LayerData) -> LayerData:
    data, keywords, _ = layer
    kept: dict[str, Any] = {
        key: value
        for key, value in keywords.items()
        if key not in ("colormap", "blending", "contrast_limits", "rgb")
    }
    levels = data if isinstance(data, list) else [data]
    if any(level.dtype.kind not in "iub" for level in levels):
        raise UserError(
            f"{keywords['name']} holds no labels",
            value=f"{levels[0].dtype} values",
            rule="Labels are whole numbers, each the class or object of a pixel.",
            remedy="Open the image alone, or write the labels again.",
        )
    return data, kept, "labels"
