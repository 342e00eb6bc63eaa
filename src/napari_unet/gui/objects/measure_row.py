"""The part of *Annotate* that measures objects, for example after they were corrected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QWidget

from napari_unet.core.errors import UserError
from napari_unet.core.objects.details import Details
from napari_unet.gui.layers.purpose import is_paint
from napari_unet.gui.objects.measuring import TOO_LARGE, Measuring
from napari_unet.gui.widgets.fields import button, form, offer
from napari_unet.gui.widgets.layer_choice import LayerChoice
from napari_unet.gui.widgets.numbers import NumberBox

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari
    from numpy.typing import NDArray

    from napari_unet.gui.objects.measuring import Numbered

MEASURE_TIP = (
    "Put size, position, shape and brightness of each object into the features table of the layer. "
    "Press it again after you have painted."
)
RING_TIP = "Also measure the mean brightness in a ring of this width around each object."
PARENTS_TIP = (
    "Layer of larger objects, as cells around nuclei: each object gets the number of the one that it "
    "lies in."
)
WIDEST_RING = 100
"""In pixels."""
CENTRES_TIP = "Add a point at the centre of each object that was measured."
NO_MEASURES = "Press “Measure” first."
TOO_MANY = "too many for the table; “Centres as points” has them, as has “napari-unet measure”"
TABLE = "Layers ▸ Metadata ▸ Features table widget"


class MeasureRow(QWidget):
    """What to measure, *Measure* and *Centres as points*.

    Parameters
    ----------
    viewer
        The viewer.
    chosen
        Returns the layer to measure; raises a `UserError` if there is none, or if it covers no image.
    """

    reported = Signal(str)
    """What has been measured, as a message."""
    failed = Signal(object)
    """Nothing could be measured; the exception."""

    def __init__(self, viewer: napari.Viewer, chosen: Callable[[], Numbered]) -> None:
        super().__init__()
        self._chosen = chosen
        self.measuring = Measuring(self, viewer)
        self.measure_button = button("Measure", MEASURE_TIP)
        self.centres_button = button("Centres as points", CENTRES_TIP)
        self.ring = NumberBox(
            low=1,
            high=WIDEST_RING,
            whole=True,
            unit="px",
            none="none",
            value=None,
            tooltip=RING_TIP,
        )
        self.parents = LayerChoice(viewer, PARENTS_TIP, is_paint, nothing="none")
        buttons = QHBoxLayout()
        buttons.addWidget(self.measure_button)
        buttons.addWidget(self.centres_button)
        rows = form()
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addRow(buttons)
        rows.addRow("Ring", self.ring.native)
        rows.addRow("Inside", self.parents.native)
        self.setLayout(rows)
        self.measure_button.clicked.connect(self._start)
        self.centres_button.clicked.connect(self.measuring.show_points)
        self.measuring.failed.connect(self.failed)
        self.measuring.changed.connect(self._take)
        self._take()

    def let_go(self) -> None:
        """Stop, and leave the viewer alone."""
        self.parents.let_go()
        self.measuring.let_go()

    def _start(self) -> None:
        try:
            numbered = self._chosen()
            details = Details(ring=self.ring.get_value() or 0, parents=self._parents(numbered))
        except UserError as error:
            self.failed.emit(error)
            return
        if numbered.too_large:
            self.reported.emit(TOO_LARGE)
        else:
            self.measuring.start(numbered, details)

    def _parents(self, numbered: Numbered) -> NDArray[Any] | None:
        layer = self.parents.layer
        # nothing lies in itself
        own = layer is None or layer == numbered.layer or numbered.too_large
        return None if own else numbered.parents(layer)

    def _take(self) -> None:
        n = self.measuring.count
        offer(self.centres_button, CENTRES_TIP, "" if n else NO_MEASURES)
        if n:
            result = TABLE if self.measuring.tabled else TOO_MANY
            self.reported.emit(f"{n:,} object{'s' * (n != 1)} measured: {result}.")
