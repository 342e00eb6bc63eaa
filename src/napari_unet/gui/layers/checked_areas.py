"""Which parts of an image are checked: shapes in a layer over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Shapes

from napari_unet.core.errors import UserError
from napari_unet.gui.layers.images import layer_array, place_of, selection_kept
from napari_unet.gui.layers.placement import letters_of, looked_at, place

if TYPE_CHECKING:
    from collections.abc import Mapping

    import napari
    from napari.layers import Image as ImageLayer
    from napari.layers import Layer
    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Image
    from napari_unet.gui.layers.placement import Placement
    from napari_unet.services.segmentation.next_region import Place

CHECKED = "napari_unet_checked"
"""Key of a Shapes layer's metadata: the identity of its image."""
COLOUR = "#22c55e"


def is_checked_of(layer: Layer | None, source: ImageLayer | None) -> bool:
    """Whether a layer outlines what is checked of an image."""
    own = isinstance(layer, Shapes) and layer.metadata.get(CHECKED)
    return bool(own) and source is not None and own == str(source.unique_id)


def checked_layer(viewer: napari.Viewer, source: ImageLayer | None) -> Shapes | None:
    """Return the layer that outlines what is checked of an image; None if there is none."""
    layers = (layer for layer in reversed(viewer.layers) if is_checked_of(layer, source))
    return next(layers, None)


def check_plane(viewer: napari.Viewer, source: ImageLayer, image: Image) -> bool:
    """Mark the plane in view as checked; return False if it was before.

    The selected layer stays selected.

    Raises
    ------
    UserError
        When the viewer does not show a plane of the image.
    """
    placed = place(source, image.axes)
    return _check(viewer, source, placed, _corners(viewer, source, image, placed))


def plane_checked(viewer: napari.Viewer, source: ImageLayer, image: Image) -> bool:
    """Whether the plane in view was marked as checked as a whole.

    Raises
    ------
    UserError
        When the viewer does not show a plane of the image.
    """
    corners = _corners(viewer, source, image, place(source, image.axes))
    layer = checked_layer(viewer, source)
    return layer is not None and _has(layer, "rectangle", corners)


def uncheck_plane(viewer: napari.Viewer, source: ImageLayer, image: Image) -> None:
    """Take back that the plane in view was marked as checked; parts of it marked before stay.

    Raises
    ------
    UserError
        When the viewer does not show a plane of the image.
    """
    corners = _corners(viewer, source, image, place(source, image.axes))
    layer = checked_layer(viewer, source)
    if layer is not None:
        with selection_kept(viewer):
            layer.selected_data = {i for i, s in enumerate(layer.data) if _same(s, corners)}
            layer.remove_selected()


def next_unchecked(viewer: napari.Viewer, source: ImageLayer, image: Image, step: int) -> bool:
    """Show the next plane, or the one before, that was not marked as checked; False if none is left.

    Parameters
    ----------
    viewer, source, image
        The viewer, the image layer and its image.
    step
        1 forwards, -1 backwards, along the last axis that is not on the screen.
    """
    layer, placed = checked_layer(viewer, source), place(source, image.axes)
    letters = letters_of(placed, source, image.axes)
    blank = Shapes(ndim=len(placed.shape), **placed.transform)
    planes = looked_at(viewer, blank)
    ways = [d for d in planes if placed.inside[d] != 0 and placed.shape[d] > 1]
    if not ways:
        return False
    way, lead = ways[-1], viewer.dims.ndim - len(placed.shape)
    rows, columns = (slice(0, placed.shape[letters.index(a)]) for a in "YX")
    index = {letters[d]: i for d, i in planes.items() if placed.inside[d] != 0}
    end = placed.shape[way] if step > 0 else -1
    for i in range(planes[way] + step, end, step):
        corners = placed.corners(letters, {**index, letters[way]: i}, rows, columns)
        if layer is None or not _has(layer, "rectangle", corners):
            point = np.zeros(len(placed.shape))
            point[way] = i
            viewer.dims.set_point(way + lead, float(blank.data_to_world(point)[way]))
            return True
    return False


def check_window(viewer: napari.Viewer, source: ImageLayer, image: Image, region: Place) -> bool:
    """Mark a window of a plane as checked; return False if it was before."""
    placed = place(source, image.axes)
    letters = letters_of(placed, source, image.axes)
    window = region.window
    corners = placed.corners(letters, region.index, window.rows, window.columns)
    return _check(viewer, source, placed, corners)


def checks_record(viewer: napari.Viewer, source: ImageLayer | None) -> dict[str, Any] | None:
    """Return what is checked of an image, for JSON; None if nothing is."""
    layer = checked_layer(viewer, source)
    if layer is None or not layer.data:
        return None
    shapes = [np.asarray(shape).tolist() for shape in layer.data]
    kinds = [str(kind) for kind in layer.shape_type]
    return {"kinds": kinds, "shapes": shapes, "place": place_of(layer)}


def restore_checks(viewer: napari.Viewer, source: ImageLayer, record: Mapping[str, Any]) -> None:
    """Mark as checked what `checks_record` has recorded, unless it is marked already."""
    shapes = [np.asarray(vertices, float) for vertices in record["shapes"]]
    ndim = shapes[0].shape[1]
    with selection_kept(viewer):
        layer = checked_layer(viewer, source) or _add_layer(viewer, source, ndim, record["place"])
    look = outline(COLOUR, min(layer_array(source).shape[-2:]))
    for kind, shape in zip(record["kinds"], shapes, strict=True):
        if layer.ndim == ndim and not _has(layer, kind, shape):
            layer.add([shape], shape_type=kind, **look)
    layer.selected_data = set()


def _has(layer: Shapes, kind: str, corners: NDArray[np.float64]) -> bool:
    """Whether the layer has such a shape."""
    return any(
        own == kind and _same(shape, corners)
        for own, shape in zip(layer.shape_type, layer.data, strict=True)
    )


def _same(shape: NDArray[np.float64], corners: NDArray[np.float64]) -> bool:
    return shape.shape == corners.shape and np.allclose(shape, corners)


def _check(
    viewer: napari.Viewer, source: ImageLayer, placed: Placement, corners: NDArray[np.float64]
) -> bool:
    with selection_kept(viewer):
        layer = checked_layer(viewer, source) or _new_layer(viewer, source, placed)
    is_new = not _has(layer, "rectangle", corners)
    if is_new:
        layer.add_rectangles([corners], **outline(COLOUR, min(placed.shape[-2:])))
        layer.selected_data = set()
    return is_new


def start_box(viewer: napari.Viewer, source: ImageLayer, image: Image) -> Shapes:
    """Have the user draw a rectangle around what is checked.

    Raises
    ------
    UserError
        When the viewer does not show a plane of the image.
    """
    placed = place(source, image.axes)
    _corners(viewer, source, image, placed)
    layer = checked_layer(viewer, source) or _new_layer(viewer, source, placed)
    layer.visible = True
    viewer.layers.selection.active = layer
    for name, value in outline(COLOUR, min(placed.shape[-2:])).items():
        setattr(layer, f"current_{name}", value)
    layer.mode = "add_rectangle"
    return layer


def _corners(
    viewer: napari.Viewer, source: ImageLayer, image: Image, placed: Placement
) -> NDArray[np.float64]:
    """Return the corners of the plane in view, (4, dimensions), in pixels of the layer of labels."""
    kept = letters_of(placed, source, image.axes)
    blank = Shapes(ndim=len(placed.shape), **placed.transform)
    planes = looked_at(viewer, blank)
    shown = [d for d in range(len(kept)) if d not in planes]
    if viewer.dims.ndisplay != 2 or {kept[d] for d in shown} != {"Y", "X"}:
        raise UserError(
            "The viewer does not show a plane of the image",
            rule="Only planes along Y and X can be marked as checked.",
            remedy="Show the image in 2-D, with Y and X on the screen (buttons below the layers).",
        )
    outside = [
        d for d, i in planes.items() if placed.inside[d] != 0 and not 0 <= i < placed.shape[d]
    ]
    if outside:
        raise UserError(
            f"{source.name!r} has no such plane",
            value=planes[outside[0]],
            rule=f"It has {placed.shape[outside[0]]} along {kept[outside[0]]}.",
            remedy="Move the slider below the image to one of its planes.",
        )
    index = {kept[d]: i for d, i in planes.items() if placed.inside[d] != 0}
    rows, columns = (slice(0, placed.shape[kept.index(a)]) for a in "YX")
    return placed.corners(kept, index, rows, columns)


def _new_layer(viewer: napari.Viewer, source: ImageLayer, placed: Placement) -> Shapes:
    return _add_layer(viewer, source, len(placed.shape), placed.transform)


def _add_layer(
    viewer: napari.Viewer, source: ImageLayer, ndim: int, transform: Mapping[str, Any]
) -> Shapes:
    metadata = {CHECKED: str(source.unique_id)}
    layer = Shapes(ndim=ndim, name=f"{source.name} checked", metadata=metadata, **transform)
    viewer.add_layer(layer)
    return layer


def outline(colour: str, side: float) -> dict[str, object]:
    """Return the looks of a visible outline without a fill, for a shape of this size."""
    return {"edge_color": colour, "face_color": "transparent", "edge_width": max(1.0, side / 150)}
