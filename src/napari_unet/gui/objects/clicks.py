"""What the mouse does to objects while a tool is active."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.objects.edit import (
    enclosed,
    fill_holes,
    free_number,
    line,
    new_object,
    renumber,
    split,
)
from napari_unet.gui.layers.editing import apply, view_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import napari
    from numpy.typing import NDArray

    from napari_unet.gui.layers.editing import View

STROKES = "outline", "split"
"""Tools that need a stroke, not a click."""
CLICK_TOLERANCE_PX = 4
"""Distance on the screen that the mouse may move during a click."""


class ObjectClicks:
    """Edits the objects of a layer by clicks and strokes.

    A click edits; dragging moves the image, except with the tool that needs a stroke.

    Parameters
    ----------
    viewer
        The tools work on the plane that it shows.
    failed
        Called with the error if what the user tried is not possible.
    ended
        Called when the user ends the tool.
    """

    def __init__(
        self,
        viewer: napari.Viewer,
        failed: Callable[[UserError], None],
        ended: Callable[[], None],
    ) -> None:
        self.layer: Any = None
        self._viewer = viewer
        self._failed = failed
        self._ended = ended
        self._tool = ""
        self._first = 0

    def activate(self, tool: str, layer: Any) -> None:
        """Use a tool on a layer, which must not be a proxy."""
        self.layer, self._tool, self._first = layer, tool, 0
        layer.mouse_drag_callbacks.append(self._drag)
        layer.mouse_pan = tool not in STROKES
        layer.cursor = "cross"
        layer.bind_key("Escape", self._escape, overwrite=True)

    def deactivate(self) -> None:
        """Give the mouse back to napari."""
        layer, self.layer = self.layer, None
        if layer is None:
            return
        layer.mouse_drag_callbacks.remove(self._drag)
        layer.bind_key("Escape", None)
        if layer.mode == "pan_zoom":
            layer.mouse_pan = True
            layer.cursor = "standard"

    def _escape(self, _: Any) -> None:
        self._ended()

    def _drag(self, layer: Any, event: Any) -> Iterator[None]:
        if event.button != 1 or layer is not self.layer:
            return
        try:
            if self._tool == "split":
                yield from self._split(layer, event)
                return
            if self._tool == "outline":
                yield from self._outline(layer, event)
                return
            start = np.array(event.pos)
            place, moved = np.asarray(layer.world_to_data(event.position)), False
            yield
            while event.type == "mouse_move":
                moved = moved or bool(
                    np.abs(np.array(event.pos) - start).max() > CLICK_TOLERANCE_PX
                )
                yield
            if not moved and layer is self.layer:
                self._click(layer, place)
        except UserError as error:
            self._failed(error)

    def _click(self, layer: Any, place: NDArray[Any]) -> None:
        view = view_of(self._viewer, layer)
        number = view.object_at(place, "The tool works on the object that you click.")
        if self._tool == "merge":
            if self._first in (0, number):
                self._first = number
                layer.selected_label = number
                return
            edit = renumber(view.labels, number, self._first)
            self._first = 0
        elif self._tool == "delete":
            edit = renumber(view.labels, number, 0)
        else:
            edit = fill_holes(view.labels, number)
        apply(layer, view.everywhere(edit), edit.values)

    def _split(self, layer: Any, event: Any) -> Iterator[None]:
        """Show the cut as a gap while it is drawn, and split the object at the end."""
        data, view = layer.data, view_of(self._viewer, layer)
        points = [self._point(layer, event, view)]
        gap = _Trace(layer, view, 0)
        with layer.block_history():
            try:
                yield
                while event.type == "mouse_move":
                    points.append(self._point(layer, event, view))
                    gap.widen(line(np.array(points[-2:])))
                    yield
                points.append(self._point(layer, event, view))
            finally:
                gap.close(data)
            if layer is self.layer and layer.data is data:
                cut = view.through(line(np.array(points)))
                edit = split(view.labels, cut, free_number(data))
                layer.data_setitem(view.everywhere(edit), edit.values)
                # else the next object painted would become a part of one of these
                layer.selected_label = free_number(data)

    def _outline(self, layer: Any, event: Any) -> Iterator[None]:
        """Show the line while it is drawn; make an object of what it encloses at the end."""
        data, view = layer.data, view_of(self._viewer, layer)
        number = free_number(data)
        points = [self._point(layer, event, view)]
        trace = _Trace(layer, view, number)
        with layer.block_history():
            try:
                yield
                while event.type == "mouse_move":
                    points.append(self._point(layer, event, view))
                    trace.widen(line(np.array(points[-2:])))
                    yield
            finally:
                trace.close(data)
            if layer is self.layer and layer.data is data:
                sizes = [view.shape[d] for d in view.plane]
                inside = view.through(enclosed(np.array(points), sizes))
                edit = new_object(view.labels, inside, number)
                layer.data_setitem(view.everywhere(edit), edit.values)
                layer.selected_label = number

    @staticmethod
    def _point(layer: Any, event: Any, view: View) -> NDArray[Any]:
        return np.asarray(layer.world_to_data(event.position))[list(view.plane)]


class _Trace:
    """Pixels that are shown with another label during a stroke, such as background for a cut."""

    def __init__(self, layer: Any, view: View, shown: int) -> None:
        self._layer, self._view, self._shown = layer, view, shown
        self._under: list[tuple[Any, NDArray[Any]]] = []

    def widen(self, pixels: NDArray[np.intp]) -> None:
        """Add pixels of the plane, (n, 2)."""
        # only in the plane that is seen: a cut through a volume is made at the end
        index = self._view.on_plane(pixels)
        before = self._layer.data[index].copy()
        if (before != self._shown).any():
            self._under.append((index, before))
            self._layer.data_setitem(index, self._shown)

    def close(self, data: Any) -> None:
        """Revert the staged stroke without an undo entry."""
        layer = self._layer
        if layer.data is data:
            for index, before in reversed(self._under):
                layer.data_setitem(index, before)
        layer._staged_history.clear()
        self._under.clear()
