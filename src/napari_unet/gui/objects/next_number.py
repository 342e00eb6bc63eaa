"""Takes the next free number when a stroke begins away from the object that was painted last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.objects.edit import free_number

if TYPE_CHECKING:
    from napari.layers import Labels

PAINTING = ("paint", "polygon")
"""Modes in which new objects are made."""


class NextNumber:
    """Keeps the numbers of painted objects apart.

    Several strokes may make one object as long as each begins on it or beside it. One that begins
    elsewhere finishes it and begins the next object. A number that was chosen since the last stroke is
    the user's will, even where it is used already.

    Parameters
    ----------
    layer
        Objects, in memory; it must not be a proxy.
    """

    def __init__(self, layer: Labels) -> None:
        self._layer = layer
        self._last = 0
        # before napari's own, which paint
        layer.mouse_drag_callbacks.insert(0, self._begin)
        layer.events.selected_label.connect(self._note_choice)
        layer.events.paint.connect(self._note_stroke)

    def let_go(self) -> None:
        """Leave the numbers to the user."""
        layer = self._layer
        if self._begin in layer.mouse_drag_callbacks:
            layer.mouse_drag_callbacks.remove(self._begin)
        layer.events.selected_label.disconnect(self._note_choice)
        layer.events.paint.disconnect(self._note_stroke)

    def _note_choice(self, _: object = None) -> None:
        self._last = 0

    def _note_stroke(self, _: object = None) -> None:
        self._last = int(self._layer.selected_label)

    def _begin(self, layer: Any, event: Any) -> None:
        number = int(layer.selected_label)
        if event.button != 1 or layer.mode not in PAINTING or number == 0 or number != self._last:
            return
        data = layer.data
        place = np.round(np.asarray(layer.world_to_data(event.position))).astype(int)
        if not isinstance(data, np.ndarray) or _near(data, place, number, layer.brush_size):
            return
        # an object that was undone or erased has left its number
        if np.any(data == number):
            try:
                layer.selected_label = free_number(data)
            except UserError:
                return


def _near(data: Any, place: Any, number: int, brush: float) -> bool:
    """Whether a brush at this place meets an object, in this plane or one beside it."""
    reach = [1] * (data.ndim - 2) + [int(brush / 2) + 2] * 2
    box = tuple(
        slice(max(0, at - r), max(0, at + r + 1)) for at, r in zip(place, reach, strict=True)
    )
    return bool(np.any(data[box] == number))
