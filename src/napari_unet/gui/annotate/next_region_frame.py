"""The frame around the suggested region, which is brought into view."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Shapes

from napari_unet.gui.layers.checked_areas import outline
from napari_unet.gui.layers.images import add_quietly
from napari_unet.gui.layers.placement import letters_of, place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import napari
    from napari.layers import Image as ImageLayer
    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Image
    from napari_unet.gui.layers.placement import Placement

NEXT = "napari_unet_next"
"""Key of a Shapes layer's metadata under which the identity of its image lies."""
COLOUR = "#facc15"
FRAME_SCREEN_PX = 400
"""Length of the longer side of the frame on the screen: most of the view in a small window."""


def show_place(
    viewer: napari.Viewer,
    source: ImageLayer,
    image: Image,
    rows: slice,
    columns: slice,
    index: Mapping[str, int],
) -> Iterator[None]:
    """Put a frame around a region of an image, in place of an earlier frame, and bring it into view.

    The selected layer stays selected. The frame is hidden in the meantime, or napari would draw it
    again after each change, some 100 ms at a time.

    Parameters
    ----------
    viewer
        The viewer.
    source, image
        The image layer, and its image.
    rows, columns
        The region in its plane.
    index
        Position of the plane along the label axes other than Y and X.

    Yields
    ------
    None
        After each slice of the work, as each has the viewer draw again.
    """
    placed = place(source, image.axes)
    letters = letters_of(placed, source, image.axes)
    corners = placed.corners(letters, index, rows, columns)
    layer = _framed(viewer, source, corners, placed)
    yield
    lead = viewer.dims.ndim - layer.ndim
    world = np.array([layer.data_to_world(corner) for corner in corners])
    middle = world.mean(axis=0)
    viewer.dims.ndisplay = 2
    shown = viewer.dims.displayed
    hidden = [d for d in range(layer.ndim) if d + lead not in shown]
    viewer.dims.set_point([d + lead for d in hidden], middle[hidden])
    yield
    # axes that the layer does not have stay where they are
    ways = [d - lead for d in shown if d >= lead]
    camera = getattr(viewer, "scene", viewer).camera
    camera.center = (0, *camera.center[1 : 3 - len(ways)], *middle[ways])
    longest = float(np.ptp(world[:, ways], axis=0).max(initial=0))
    if longest > 0:
        camera.zoom = FRAME_SCREEN_PX / longest
    yield
    layer.visible = True


def _framed(
    viewer: napari.Viewer, source: ImageLayer, corners: NDArray[np.float64], placed: Placement
) -> Shapes:
    """Return the layer with the frame, hidden; it is made if there is none."""
    own = str(source.unique_id)
    for layer in viewer.layers:
        if isinstance(layer, Shapes) and layer.metadata.get(NEXT) == own:
            layer.visible = False
            layer.data = [(corners, "rectangle")]
            return layer
    layer = Shapes(
        [corners],
        shape_type="rectangle",
        name=f"{source.name} suggestion",
        opacity=1,
        visible=False,
        metadata={NEXT: own},
        **outline(COLOUR, float(np.ptp(corners, axis=0).max())),
        **placed.transform,
    )
    add_quietly(viewer, layer)
    return layer
