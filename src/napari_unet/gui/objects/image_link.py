"""The objects of a table in the image: one that is clicked there, and a ring around the chosen one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Points
from qtpy.QtCore import QObject, Signal

from napari_unet.core.objects.distribution import row_of
from napari_unet.gui.layers.editing import real
from napari_unet.gui.layers.images import add_quietly, place_of
from napari_unet.gui.layers.placement import letters_of, looked_at, place
from napari_unet.gui.session.responsiveness import in_slices

if TYPE_CHECKING:
    from collections.abc import Iterator

    import napari
    from napari.layers import Image as ImageLayer

    from napari_unet.core.objects.measure import Columns
    from napari_unet.gui.objects.measuring import Numbered

NAME = "chosen object"
COLOUR = "#facc15"
WIDER = 1.4
"""Diameter of the ring, over that of the object."""
SMALLEST_PX = 8
"""Least diameter of the ring, in pixels of the layer."""
CLICK_TOLERANCE_PX = 4
PICKING_MODES = ("pan_zoom", "pick")
"""Modes of a labels layer in which a click changes nothing."""


class ImageLink(QObject):
    """Links the rows of a table with the objects of a layer.

    Parameters
    ----------
    parent
        Its owner.
    viewer
        Shows the objects.
    """

    chosen = Signal(int)
    """An object was clicked in the image; its row."""

    def __init__(self, parent: QObject, viewer: napari.Viewer) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layer: Any = None
        self._source: ImageLayer | None = None
        self._numbered: Numbered | None = None
        self._columns: Columns = {}
        self._places: Any = None
        self._ring: Points | None = None
        self._shown = 0

    def follow(
        self,
        numbered: Numbered | None = None,
        source: ImageLayer | None = None,
        columns: Columns | None = None,
    ) -> None:
        """Link with other objects; None: with none."""
        before = self._layer
        if before is not None:
            before.mouse_drag_callbacks.remove(self._click)
        columns = columns or {}
        self._numbered, self._source, self._columns = numbered, source, columns
        self._layer = None if numbered is None else real(numbered.layer)
        self._places = None if numbered is None else numbered.points(columns)["data"]
        if self._layer is not None:
            self._layer.mouse_drag_callbacks.append(self._click)
        if self._layer is None or self._layer is not before:
            self._take_ring_away()

    def follows(self, layer: Any) -> bool:
        """Whether the objects of this layer are linked."""
        return layer is not None and layer is self._layer

    def show(self, row: int, *, move: bool) -> None:
        """Put a ring around an object; bring it into view first if asked for."""
        self._shown += 1
        in_slices(self, self._showing(row, move, self._shown))

    def _showing(self, row: int, move: bool, turn: int) -> Iterator[None]:
        """Show an object; after each slice the viewer draws again. A later call replaces this one."""
        layer, centre = self._layer, self._places[row]
        if layer is None or layer not in map(real, self._viewer.layers):
            return
        number = int(self._columns["label"][row])
        if number and layer.mode in PICKING_MODES:
            layer.selected_label = number
        if move:
            self._bring_into_view(centre)
            yield
        if turn != self._shown or layer is not self._layer:
            return
        diameter = self._diameter(row)
        if self._ring is None or self._ring not in self._viewer.layers:
            self._ring = Points(
                centre[None],
                size=diameter,
                face_color="transparent",
                border_color=COLOUR,
                border_width=0.08,
                name=NAME,
                **place_of(layer),
            )
            add_quietly(self._viewer, self._ring)
            return
        self._ring.data, self._ring.size = centre[None], diameter

    def _diameter(self, row: int) -> float:
        """Return the diameter of the ring in pixels of the layer."""
        assert self._numbered is not None
        name = next(c for c in self._columns if c.startswith("equivalent_diameter"))
        step = 1.0 if name.endswith("_px") else self._numbered.image.scale.get("X", 1.0)
        return max(SMALLEST_PX, float(self._columns[name][row]) / step * WIDER)

    def _bring_into_view(self, centre: Any) -> None:
        viewer, layer = self._viewer, self._layer
        world = np.asarray(layer.data_to_world(centre))
        lead = viewer.dims.ndim - layer.ndim
        shown = viewer.dims.displayed
        hidden = [d for d in range(layer.ndim) if d + lead not in shown]
        viewer.dims.set_point([d + lead for d in hidden], world[hidden])
        camera = getattr(viewer, "scene", viewer).camera
        ways = [d - lead for d in shown if d >= lead]
        camera.center = (*camera.center[: 3 - len(ways)], *world[ways])

    def _click(self, layer: Any, event: Any) -> Iterator[None]:
        if event.button != 1 or layer.mode not in PICKING_MODES:
            return
        start, spot = np.array(event.pos), event.position
        moved = False
        yield
        while event.type == "mouse_move":
            moved = moved or bool(np.abs(np.array(event.pos) - start).max() > CLICK_TOLERANCE_PX)
            yield
        if not moved and self._source is not None and self._numbered is not None:
            label = layer.get_value(spot, world=True)
            axes = self._numbered.image.axes
            letters = letters_of(place(self._source, axes), self._source, axes)
            position = {letters[d]: i for d, i in looked_at(self._viewer, layer).items()}
            row = row_of(self._columns, int(label), position) if label else None
            if row is not None:
                self.chosen.emit(row)

    def _take_ring_away(self) -> None:
        if self._ring is not None and self._ring in self._viewer.layers:
            self._viewer.layers.remove(self._ring)
        self._ring = None
