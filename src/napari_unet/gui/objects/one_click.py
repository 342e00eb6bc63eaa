"""A click makes or mends an object; the wheel rolls through what else the click may mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.objects.candidates import object_candidates
from napari_unet.core.objects.edit import free_number
from napari_unet.core.objects.placing import place_object
from napari_unet.gui.layers.editing import apply, view_of
from napari_unet.gui.objects.clicks import CLICK_TOLERANCE_PX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import napari
    from numpy.typing import NDArray

    from napari_unet.core.objects.candidates import Candidate
    from napari_unet.gui.layers.editing import View
    from napari_unet.gui.objects.plane_known import PlaneKnown


@dataclass
class _Choice:
    """What a click may mean, and which of it is in the layer.

    Attributes
    ----------
    plane
        Index of the plane in the layer.
    before
        The plane without the object.
    entry
        The entry of the layer's history that put the object there.
    """

    candidates: list[Candidate]
    at: int
    click: tuple[int, int]
    view: View
    before: NDArray[Any]
    number: int
    entry: Any = None


class OneClick:
    """Each click puts an object into the layer at once; the wheel puts another in its place.

    Parameters
    ----------
    viewer
        The plane that it shows is edited.
    known
        Returns what is known of that plane besides its labels.
    failed
        Called with the error if what the user tried is not possible.
    ended
        Called when the user ends the tool.
    told
        Called with a few words on what was chosen.
    """

    def __init__(
        self,
        viewer: napari.Viewer,
        known: Callable[[Any, View], PlaneKnown],
        failed: Callable[[UserError], None],
        ended: Callable[[], None],
        told: Callable[[str], None],
    ) -> None:
        self.layer: Any = None
        self._viewer, self._known = viewer, known
        self._failed, self._ended, self._told = failed, ended, told
        self._choice: _Choice | None = None

    def activate(self, layer: Any) -> None:
        """Take the clicks and the wheel on a layer, which must not be a proxy."""
        self.layer, self._choice = layer, None
        layer.mouse_drag_callbacks.append(self._press)
        layer.mouse_wheel_callbacks.append(self._roll)
        layer.cursor = "cross"
        layer.bind_key("Escape", lambda _: self._ended(), overwrite=True)
        layer.bind_key("Enter", self._settle, overwrite=True)

    def deactivate(self) -> None:
        """Give the mouse back to napari; the last object stays."""
        layer, self.layer, self._choice = self.layer, None, None
        if layer is None:
            return
        layer.mouse_drag_callbacks.remove(self._press)
        layer.mouse_wheel_callbacks.remove(self._roll)
        layer.bind_key("Escape", None)
        layer.bind_key("Enter", None)
        if layer.mode == "pan_zoom":
            layer.cursor = "standard"

    def _settle(self, _: Any = None) -> None:
        """From now on the wheel zooms again."""
        self._choice = None
        self._told("")

    def _press(self, layer: Any, event: Any) -> Iterator[None]:
        if event.button != 1 or layer is not self.layer:
            return
        start = np.array(event.pos)
        place, moved = np.asarray(layer.world_to_data(event.position)), False
        yield
        while event.type == "mouse_move":
            moved = moved or bool(np.abs(np.array(event.pos) - start).max() > CLICK_TOLERANCE_PX)
            yield
        if not moved and layer is self.layer:
            try:
                self._click(layer, place)
            except UserError as error:
                self._failed(error)

    def _click(self, layer: Any, place: NDArray[Any]) -> None:
        view = view_of(self._viewer, layer)
        known = self._known(layer, view)
        before = known.labels.copy()
        row, column = (round(float(place[d])) for d in view.plane)
        if not (0 <= row < before.shape[0] and 0 <= column < before.shape[1]):
            return
        click = (row, column)
        found, first = object_candidates(known.pixels, known.maps, before, click, known.diameter)
        if not found:
            raise UserError(
                "Nothing stands out here",
                rule="A click makes an object of what differs from its surroundings.",
                remedy="Click in the middle of the object, or draw its outline with the tool Outline.",
            )
        self._choice = _Choice(found, first, click, view, before, free_number(layer.data))
        self._show(layer)

    def _roll(self, layer: Any, event: Any) -> None:
        choice = self._choice
        if choice is None or layer is not self.layer or not self._is_last(layer, choice):
            return
        event.handled = True
        step = 1 if event.delta[1] > 0 else -1
        at = min(max(choice.at + step, 0), len(choice.candidates) - 1)
        if at != choice.at:
            choice.at = at
            layer.undo()
            self._show(layer)

    def _is_last(self, layer: Any, choice: _Choice) -> bool:
        """Whether nothing was changed since: else the wheel would undo something else."""
        history = layer._undo_history
        return bool(history) and history[-1] is choice.entry

    def _show(self, layer: Any) -> None:
        choice = self._choice
        assert choice is not None
        chosen = choice.candidates[choice.at]
        edit = place_object(choice.before, chosen.pixels, choice.click, choice.number)
        apply(layer, choice.view.on_plane(np.stack(edit.where, axis=1)), edit.values)
        choice.entry = layer._undo_history[-1] if layer._undo_history else None
        layer.selected_label = free_number(layer.data)
        self._told(
            f"{choice.at + 1} of {len(choice.candidates)}: turn the wheel for smaller or larger, Enter "
            "or the next click goes on."
        )
