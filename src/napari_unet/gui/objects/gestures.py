"""Clicks with a key held, which edit objects while no tool is taken up, also with the brush in hand."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.objects.edit import renumber
from napari_unet.gui.layers.editing import apply, view_of
from napari_unet.gui.objects.clicks import CLICK_TOLERANCE_PX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import napari

DELETE_KEY, MERGE_KEY = "Control", "Alt"


class ObjectGestures:
    """Ctrl-click deletes an object; Alt-click on one and then on another merges them.

    Parameters
    ----------
    viewer
        The edits are made in the plane that it shows.
    layer
        Objects; it must not be a proxy.
    failed
        Called with the error if what the user tried is not possible.
    """

    def __init__(
        self, viewer: napari.Viewer, layer: Any, failed: Callable[[UserError], None]
    ) -> None:
        self._viewer = viewer
        self._layer = layer
        self._failed = failed
        self._first = 0
        # before napari's own, which paint
        layer.mouse_drag_callbacks.insert(0, self._press)

    def let_go(self) -> None:
        """Leave the clicks to napari."""
        if self._press in self._layer.mouse_drag_callbacks:
            self._layer.mouse_drag_callbacks.remove(self._press)

    def _press(self, layer: Any, event: Any) -> Iterator[None] | None:
        held = set(getattr(event, "modifiers", ()))
        if event.button != 1 or held not in ({DELETE_KEY}, {MERGE_KEY}):
            return None
        return self._take(layer, event, delete=DELETE_KEY in held)

    def _take(self, layer: Any, event: Any, *, delete: bool) -> Iterator[None]:
        place, start = np.asarray(layer.world_to_data(event.position)), np.array(event.pos)
        # with Alt, napari lets the mouse change the size of the brush
        brush, moved = layer.brush_size, False
        with self._alone(layer):
            yield
            while event.type == "mouse_move":
                moved = moved or bool(
                    np.abs(np.array(event.pos) - start).max() > CLICK_TOLERANCE_PX
                )
                yield
        if moved:
            return
        layer.brush_size = brush
        try:
            self._edit(layer, place, delete=delete)
        except UserError as error:
            self._failed(error)

    def _edit(self, layer: Any, place: Any, *, delete: bool) -> None:
        view = view_of(self._viewer, layer)
        rule = "Ctrl-click deletes the object under the mouse, Alt-click merges it."
        number = view.object_at(place, rule)
        if delete:
            edit = renumber(view.labels, number, 0)
        elif self._first in (0, number) or not np.any(view.labels == self._first):
            self._first = number
            return
        else:
            edit = renumber(view.labels, number, self._first)
            self._first = 0
        apply(layer, view.everywhere(edit), edit.values)

    @contextlib.contextmanager
    def _alone(self, layer: Any) -> Iterator[None]:
        """Keep others, such as the brush, from taking a click."""
        callbacks = layer.mouse_drag_callbacks
        before = list(callbacks)
        # in their places, as napari goes through the list meanwhile
        callbacks[:] = [each if each == self._press else _ignore for each in before]
        try:
            yield
        finally:
            callbacks[:] = before


def _ignore(layer: Any, event: Any) -> None:
    """Do nothing."""
