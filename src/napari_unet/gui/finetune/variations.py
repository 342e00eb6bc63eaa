"""Augmented patches as layers beside their image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels
from napari.utils.colormaps import CyclicLabelColormap

from napari_unet.gui.layers.annotation_layers import BACKGROUND
from napari_unet.gui.layers.images import add_quietly
from napari_unet.gui.layers.placement import looked_at
from napari_unet.gui.layers.purpose import AUGMENTED
from napari_unet.gui.layers.result_layer import RECORD
from napari_unet.gui.layers.results import COLOURS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import napari
    from numpy.typing import NDArray

    from napari_unet.services.training.variations import Variations

COLUMNS = 4
GAP_PX = 8
"""Pixels between two patches."""


def show_variations(
    viewer: napari.Viewer, source: ImageLayer, axes: str, drawn: Variations
) -> Iterator[None]:
    """Show patches side by side, to the right of their image.

    The layers of an earlier call are reused. To be done in slices, as each layer takes napari a while.

    Parameters
    ----------
    viewer
        An image layer and a labels layer are added to it.
    source, axes
        The image layer, and a letter for each dimension of its array.
    drawn
        The patches and their labels.

    Yields
    ------
    None
        After each slice of the work.
    """
    low, high = (float(x) for x in np.percentile(drawn.images, (0.5, 99.8)))
    placed, index = _beside(viewer, source, axes, "ZYX"[4 - drawn.images.ndim :])
    pixels, paint = montage(drawn.images, low)[index], montage(drawn.labels, 0)[index]
    yield
    is_new = _show_pixels(viewer, pixels, (low, max(high, low + 1e-6)), placed)
    yield
    _show_paint(viewer, paint, placed)
    if is_new:
        yield
        viewer.reset_view()


def _show_pixels(
    viewer: napari.Viewer,
    pixels: NDArray[Any],
    limits: tuple[float, float],
    placed: dict[str, Any],
) -> bool:
    """Show the pixels in their layer; return whether it is new."""
    image = _earlier(viewer, ImageLayer)
    if image is not None:
        _put(image, pixels, placed)
        image.contrast_limits = limits
        return False
    image = ImageLayer(pixels, name=AUGMENTED, contrast_limits=limits, metadata=_record(), **placed)
    add_quietly(viewer, image)
    return True


def _show_paint(viewer: napari.Viewer, paint: NDArray[Any], placed: dict[str, Any]) -> None:
    labels = _earlier(viewer, Labels)
    if labels is None:
        labels = Labels(
            paint,
            name=f"{AUGMENTED} annotation",
            opacity=0.5,
            colormap=CyclicLabelColormap(colors=["transparent", BACKGROUND, *COLOURS]),
            metadata=_record(),
            **placed,
        )
        add_quietly(viewer, labels)
    else:
        _put(labels, paint, placed)
    # new data make a layer editable again
    labels.editable = False


def _record() -> dict[str, Any]:
    return {RECORD: {"purpose": {"title": AUGMENTED}}}


def montage(patches: NDArray[Any], between: float) -> NDArray[Any]:
    """Arrange patches, (N, [Z,] Y, X), in rows, with a value in the gaps between them."""
    n, *depth, height, width = patches.shape
    rows = -(-n // COLUMNS)
    whole = (rows * (height + GAP_PX) - GAP_PX, min(n, COLUMNS) * (width + GAP_PX) - GAP_PX)
    out = np.full((*depth, *whole), between, patches.dtype)
    for i, patch in enumerate(patches):
        row, column = divmod(i, COLUMNS)
        y, x = row * (height + GAP_PX), column * (width + GAP_PX)
        out[..., y : y + height, x : x + width] = patch
    return out


def _earlier(viewer: napari.Viewer, kind: type) -> Any:
    for layer in viewer.layers:
        record = layer.metadata.get(RECORD, {})
        if isinstance(layer, kind) and record.get("purpose", {}).get("title") == AUGMENTED:
            return layer
    return None


def _put(layer: Any, data: Any, placed: dict[str, Any]) -> None:
    layer.data = data
    layer.scale, layer.translate = placed["scale"], placed["translate"]


def _beside(
    viewer: napari.Viewer, source: ImageLayer, axes: str, spatial: str
) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """Return the placement right of an image; volumes start at the current plane.

    Returns
    -------
    placed
        Scale, position and units.
    index
        Adds axes of length 1 where the image has axes that patches lack, as napari aligns the last axes.
    """
    letters = axes[: source.ndim]
    first = min(letters.index(a) for a in spatial)
    kept = range(first, source.ndim)
    extent = source.extent.world
    planes = looked_at(viewer, source)
    here = [float(planes.get(d, 0)) for d in range(source.ndim)]
    start = np.asarray(source.data_to_world(here))
    y, x = letters.index("Y"), letters.index("X")
    start[y] = extent[0, y]
    start[x] = extent[1, x] + 0.05 * (extent[1, x] - extent[0, x])
    placed = {
        "scale": [abs(float(source.scale[d])) or 1.0 for d in kept],
        "translate": start[first:],
        "units": [source.units[d] for d in kept],
    }
    return placed, tuple(slice(None) if letters[d] in spatial else None for d in kept)
