"""Tools to correct objects: merge, split, delete, fill holes, next free number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from napari_unet.core.errors import UserError
from napari_unet.core.objects.between import fill_between
from napari_unet.core.objects.edit import free_number
from napari_unet.gui.layers.editing import apply, array_of, real, view_of
from napari_unet.gui.layers.purpose import kind_of
from napari_unet.gui.objects.clicks import STROKES, ObjectClicks
from napari_unet.gui.objects.gestures import ObjectGestures
from napari_unet.gui.objects.next_number import NextNumber
from napari_unet.gui.objects.one_click import OneClick
from napari_unet.gui.objects.tool_bar import ToolBar, ToolButton
from napari_unet.gui.widgets.fields import button, offer, text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import napari
    from napari.layers import Labels

    from napari_unet.gui.layers.editing import View
    from napari_unet.gui.objects.plane_known import PlaneKnown

NEXT_TIP = "Paint a new object, with a number that no object has yet."
MORE_TIP = "Work through all planes, fill in between planes, measure."
THROUGH_TIP = (
    "Off: tools and brush change only the plane that you see. On: they change all planes of the object, "
    "and the brush is a ball. The same as napari's “n edit dim”."
)
BETWEEN_TIP = (
    "Fill in objects that you have painted in some planes of a volume only: each gets a shape in the "
    "planes between, wherever there is background."
)
SINGLE_PLANE = "This layer is a single plane."
TIPS = {
    "click": (
        "Click",
        "Click where an object is missing or wrong: one is put there. Turn the wheel if a smaller or "
        "larger one is meant.",
    ),
    "outline": (
        "Outline",
        "Draw around an object that is missing: the background inside becomes a new object.",
    ),
    "split": (
        "Split",
        "Draw a line across an object, from background to background: the parts get different numbers.",
    ),
    "merge": (
        "Merge",
        "Click one object, then another: both get the number of the first. Or Alt-click both.",
    ),
    "delete": ("Delete", "Click an object: it becomes background. Or Ctrl-click it."),
    "fill": (
        "Holes",
        "Click an object: the background that it encloses becomes part of it.",
    ),
}
IDLE_HELP = "Ctrl-click an object to delete it, Alt-click two to merge them."
OTHER_KEYS = {"outlines": "outlines", "labels": "hide", "next_unchecked": "next plane to check"}
HELP_LINES = 6
CLICK_HELP = (
    "Drag to move the image, turn the wheel to zoom. Esc ends the tool; Ctrl-Z undoes a step."
)
STROKE_HELP = "Turn the wheel to zoom. Esc ends the tool; Ctrl-Z undoes a step."


class ObjectTools(QWidget):
    """A bar of tools, of which one at a time is active, and a line of help.

    Parameters
    ----------
    viewer
        The tools work on the plane that it shows.
    known
        Returns what is known of that plane besides its labels.

    Attributes
    ----------
    more_button
        Opens what is needed less often. The panel lays that out.
    through_box, between_button
        Whether they work through all planes; and what fills in between planes. These are a part of it.
    """

    failed = Signal(object)
    """What the user tried is not possible; the exception."""

    def __init__(self, viewer: napari.Viewer, known: Callable[[Any, View], PlaneKnown]) -> None:
        super().__init__()
        self._viewer = viewer
        self._layer: Labels | None = None
        self._numbers: NextNumber | None = None
        self._gestures: ObjectGestures | None = None
        self._idle_help = IDLE_HELP
        self.next_button = ToolButton("new", "New", NEXT_TIP, checkable=False)
        self.tools = {name: ToolButton(name, *TIPS[name]) for name in TIPS}
        self.more_button = ToolButton("more", "More", MORE_TIP)
        self.through_box = QCheckBox("Through all planes")
        self.between_button = button("Fill between planes", BETWEEN_TIP)
        self.help_label = text()
        self.clicks = ObjectClicks(viewer, self.failed.emit, self._drop)
        self.one_click = OneClick(viewer, known, self.failed.emit, self._drop, self._tell)
        self._lay_out()
        self.next_button.clicked.connect(self.take_next)
        self.through_box.toggled.connect(self._set_depth)
        self.between_button.clicked.connect(self._fill_between)
        for name, made in self.tools.items():
            made.clicked.connect(lambda on, name=name: self.activate(name if on else None))
        viewer.layers.selection.events.active.connect(self._drop_unless_active)

    def _lay_out(self) -> None:
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(4)
        box.addWidget(ToolBar((*self.tools.values(), self.next_button, self.more_button)))
        # room for the longest help, so that nothing moves when a tool is taken up
        room = QWidget()
        room.setFixedHeight(HELP_LINES * self.fontMetrics().lineSpacing())
        inside = QVBoxLayout(room)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(self.help_label, alignment=Qt.AlignmentFlag.AlignTop)
        box.addWidget(room)
        self.help_label.setText(IDLE_HELP)

    def show_keys(self, keys: Mapping[str, str]) -> None:
        """Show the key of each tool beneath it, and others in the help."""
        for name, made in self.tools.items():
            made.show_key(keys.get(name, ""))
        self.next_button.show_key(keys.get("new", ""))
        others = [f"{keys[name]}: {words}" for name, words in OTHER_KEYS.items() if keys.get(name)]
        more = f" {', '.join(others)}." if others else ""
        self._idle_help = IDLE_HELP + more
        if self._used is None:
            self.help_label.setText(self._idle_help)

    def take(self, layer: Labels | None) -> None:
        """Work on this layer from now on."""
        self.activate(None)
        if self._layer is not None:
            self._layer.events.n_edit_dimensions.disconnect(self._show_depth)
            self._layer.events.data.disconnect(self._drop)
        for part in (self._numbers, self._gestures):
            if part is not None:
                part.let_go()
        self._layer = layer
        self._numbers = self._gestures = None
        if layer is not None:
            if kind_of(layer) == "objects":
                self._numbers = NextNumber(real(layer))
                self._gestures = ObjectGestures(self._viewer, real(layer), self.failed.emit)
            layer.events.n_edit_dimensions.connect(self._show_depth)
            layer.events.data.connect(self._drop)
        self._show_depth()

    def let_go(self) -> None:
        """Stop listening to viewer and layer."""
        self.take(None)
        self._viewer.layers.selection.events.active.disconnect(self._drop_unless_active)

    def take_next(self) -> None:
        """Paint from now on with a number that no object has."""
        layer = self._layer
        if layer is None:
            return
        self.activate(None)
        try:
            number = free_number(array_of(layer))
        except UserError as error:
            self.failed.emit(error)
            return
        self._viewer.layers.selection.active = layer
        layer.visible = True
        layer.selected_label = number
        layer.mode = "paint"

    def toggle(self, name: str) -> None:
        """Take a tool up, or put it down."""
        self.activate(None if self.tools[name].isChecked() else name)

    def activate(self, name: str | None) -> None:
        """Activate a tool; None: deactivate the active one."""
        layer = self._layer
        if self._used is not None:
            self._used.events.mode.disconnect(self._drop)
        for part in (self.clicks, self.one_click):
            part.deactivate()
        name = None if layer is None else name
        for other, made in self.tools.items():
            made.setChecked(other == name)
        self.help_label.setText(self._idle_help)
        if layer is None or name is None:
            return
        self._viewer.layers.selection.active = layer
        layer.visible = True
        layer.mode = "pan_zoom"
        if name == "click":
            self.one_click.activate(real(layer))
        else:
            self.clicks.activate(name, real(layer))
        # the brush, once chosen, replaces the tool
        real(layer).events.mode.connect(self._drop)
        self.help_label.setText(f"{TIPS[name][1]} {STROKE_HELP if name in STROKES else CLICK_HELP}")

    @property
    def _used(self) -> Any:
        """The layer that a tool is used on; None: no tool is taken up."""
        return self.clicks.layer if self.clicks.layer is not None else self.one_click.layer

    def _tell(self, words: str) -> None:
        self.help_label.setText(words or f"{TIPS['click'][1]} {CLICK_HELP}")

    def _drop(self, _: object = None) -> None:
        self.activate(None)

    def _drop_unless_active(self, event: Any) -> None:
        if self._used is not None and event.value != self._layer:
            self.activate(None)

    def _depth(self) -> int:
        """Return the number of dimensions of a volume in the layer; 2 if it is a single plane."""
        layer = self._layer
        if layer is None:
            return 2
        lead = self._viewer.dims.ndim - layer.ndim
        order = [d - lead for d in self._viewer.dims.order if d >= lead]
        for n in range(3, layer.ndim + 1):
            if layer.data.shape[order[-n]] > 1:
                return n
        return 2

    def _show_depth(self, _: object = None) -> None:
        deep = self._layer is not None and self._layer.n_edit_dimensions > 2
        with QSignalBlocker(self.through_box):
            self.through_box.setChecked(deep)
        single = "" if self._depth() > 2 else SINGLE_PLANE
        offer(self.through_box, THROUGH_TIP, single)
        offer(self.between_button, BETWEEN_TIP, single)

    def _fill_between(self) -> None:
        layer = self._layer
        if layer is None:
            return
        try:
            view = view_of(self._viewer, layer, self._depth())
            (axis,) = (i for i, d in enumerate(view.dims) if d not in view.plane)
            edit = fill_between(view.labels, axis)
        except UserError as error:
            self.failed.emit(error)
            return
        apply(layer, view.everywhere(edit), edit.values)

    def _set_depth(self, on: bool) -> None:
        if self._layer is not None:
            self._layer.n_edit_dimensions = self._depth() if on else 2
